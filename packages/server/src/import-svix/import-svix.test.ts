import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemRuntime } from "@posthaste/core/runtime/system-runtime";
import { fakeRuntime } from "@posthaste/core/runtime/testing/fake-runtime";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { importSvix, readSvixImport, type SvixImport } from "./import-svix.ts";
import type { Report } from "./report.ts";
import { type StandIn, type StandInData, startStandIn, SVIX_TOKEN } from "./testing/svix-stand-in.ts";

const id = (prefix: string, number: number): string => `${prefix}${String(number).padStart(27, "0")}`;
const secret = (number: number): string =>
  `whsec_${Buffer.from(String(number).padStart(24, "s")).toString("base64")}`;

/** Ana has a uid, Ben has none; between them every part of an endpoint. */
function someData(): StandInData {
  return {
    eventTypes: [
      {
        name: "order.completed",
        description: "Someone buys",
        schemas: { 1: { type: "object" } },
        groupName: "shop",
      },
      { name: "order.lost", description: "Long gone", archived: true },
      { name: "quiz.passed", description: "Someone passes a quiz", featureFlags: ["beta"] },
    ],
    applications: [
      {
        id: id("app_", 1),
        uid: "ana",
        name: "Yoga with Ana",
        throttleRate: 50,
        metadata: { plan: "pro" },
        endpoints: [
          {
            id: id("ep_", 1),
            uid: "site",
            url: "https://ana.example.com/hook",
            description: "Her site",
            eventTypes: ["order.completed", "order.lost"],
            channels: ["eu"],
            metadata: { by: "hand" },
            throttleRate: 5,
            secret: secret(1),
            headers: { "X-Shop": "ana" },
          },
          { id: id("ep_", 2), url: "https://ana.example.com/off", disabled: true, secret: secret(2) },
        ],
      },
      {
        id: id("app_", 2),
        name: "Ben writes",
        endpoints: [
          {
            id: id("ep_", 3),
            url: "https://ben.example.com/hook",
            secret: secret(3),
            transformation: {
              code: "function handler(webhook) { return webhook; }",
              enabled: true,
              variables: { shop: "north" },
            },
          },
        ],
      },
    ],
  };
}

let target: TestServer;
let targetUrl: string;
beforeAll(async () => {
  target = await startTestServer();
  targetUrl = await target.app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => target.close());

/** Everything waits for nothing; what it would have waited is written down. */
const waits: number[] = [];
const real = systemRuntime(fakeRuntime().log);
const runtime = {
  ...real,
  timers: {
    ...real.timers,
    async sleep(delayMs: number) {
      waits.push(delayMs);
    },
  },
};
const run = (from: string, changes: Partial<SvixImport> = {}): Promise<Report> =>
  importSvix(
    { from, to: targetUrl, token: SVIX_TOKEN, apiKey: target.live.key, dryRun: false, ...changes },
    { onProgress: () => {}, runtime },
  );
const countsOf = (report: Report): Record<string, number[]> =>
  Object.fromEntries(
    (["event types", "applications", "endpoints"] as const).map((kind) => [
      kind,
      (["new", "changed", "as before", "not copied"] as const).map((became) => report.of(kind, became)),
    ]),
  );
const get = async (path: string, server = target) => (await server.call("GET", `/api/v1${path}`)).json;

const strip = (item: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(item).filter(([name]) => !["id", "createdAt", "updatedAt"].includes(name)),
  );

/** What the target holds of applications, without what every server makes anew. */
async function contents(server: TestServer, uids: readonly string[]) {
  return Promise.all(
    uids.map(async (uid) => {
      const { data } = await get(`/app/${uid}/endpoint`, server);
      const endpoints = (data as unknown as { uid: string }[]).toSorted((a, b) => (a.uid < b.uid ? -1 : 1));
      return {
        application: strip(await get(`/app/${uid}`, server)),
        endpoints: await Promise.all(
          endpoints.map(async (endpoint) => {
            const path = `/app/${uid}/endpoint/${endpoint.uid}`;
            const transformation = strip(await get(`${path}/transformation`, server));
            return {
              ...strip(endpoint),
              key: (await get(`${path}/secret`, server)).key,
              headers: await get(`${path}/headers`, server),
              transformation,
            };
          }),
        ),
      };
    }),
  );
}

describe("from Svix", () => {
  let svix: StandIn;
  beforeEach(async () => void (svix = await startStandIn(someData())));
  afterEach(async () => {
    expect(svix.faults).toEqual([]);
    await svix.close();
    for (const { uid } of (await get("/app?limit=250")).data)
      await target.call("DELETE", `/api/v1/app/${uid}`);
    waits.length = 0;
  });

  it("copies everything, and a second time changes nothing", async () => {
    const report = await run(svix.url);
    expect(report.notes).toEqual([]);
    expect(countsOf(report)).toMatchObject({ applications: [2, 0, 0, 0], endpoints: [3, 0, 0, 0] });
    const [ana, ben] = await contents(target, ["ana", `svix-${id("app_", 2)}`]);
    expect(ana?.application).toEqual({
      uid: "ana",
      name: "Yoga with Ana",
      throttleRate: 50,
      metadata: { plan: "pro" },
    });
    expect(ana?.endpoints).toMatchObject([
      {
        uid: "site",
        url: "https://ana.example.com/hook",
        description: "Her site",
        eventTypes: ["order.completed", "order.lost"],
        channels: ["eu"],
        throttleRate: 5,
        metadata: { by: "hand" },
        disabled: false,
        key: secret(1),
        headers: { headers: { "X-Shop": "ana" } },
      },
      { uid: `svix-${id("ep_", 2)}`, disabled: true, key: secret(2) },
    ]);
    expect(ben?.endpoints).toMatchObject([
      { key: secret(3), transformation: { enabled: true, variables: { shop: "north" } } },
    ]);
    expect(await get("/event-type/quiz.passed")).toMatchObject({ featureFlags: ["beta"] });
    expect(await get("/event-type/order.lost")).toMatchObject({ archived: true });
    const again = await run(svix.url);
    expect(countsOf(again)).toEqual({
      "event types": [0, 0, 3, 0],
      applications: [0, 0, 2, 0],
      endpoints: [0, 0, 3, 0],
    });
    expect(await contents(target, ["ana", `svix-${id("app_", 2)}`])).toEqual([ana, ben]);
  });

  it("changes what differs, keeps what is ours, and deletes nothing", async () => {
    await run(svix.url);
    const own = await target.endpoint("ana", { uid: "own" });
    await target.call("PATCH", "/api/v1/app/ana/endpoint/site", { body: { timeoutSeconds: 5 } });
    const [ana, ben] = svix.data.applications;
    svix.data.applications = [
      {
        ...ana!,
        name: "Ana & friends",
        endpoints: [
          {
            ...ana!.endpoints[0]!,
            url: "https://new.example.com/",
            secret: secret(9),
            headers: { "X-New": "1" },
          },
        ],
      },
      ben!,
    ];
    svix.data.eventTypes[2] = { ...svix.data.eventTypes[2], description: "Somebody passes" };
    expect(countsOf(await run(svix.url))).toEqual({
      "event types": [0, 1, 2, 0],
      applications: [0, 1, 1, 0],
      endpoints: [0, 1, 1, 0],
    });
    const [after] = await contents(target, ["ana"]);
    expect(after?.application).toMatchObject({ name: "Ana & friends" });
    expect(after?.endpoints).toHaveLength(3);
    expect(after?.endpoints.find(({ key }) => key === secret(9))).toMatchObject({
      url: "https://new.example.com/",
      timeoutSeconds: 5,
      headers: { headers: { "X-New": "1" } },
    });
    expect((await get(`/app/ana/endpoint/${own}`)).uid).toBe("own");
    expect(countsOf(await run(svix.url))["endpoints"]).toEqual([0, 0, 2, 0]);
  });

  it("says what it could not copy, and copies the rest", async () => {
    const [ana, ben] = svix.data.applications;
    svix.data.applications = [
      {
        ...ana!,
        endpoints: [
          { ...ana!.endpoints[0]!, sensitive: ["Authorization"] },
          { ...ana!.endpoints[1]!, url: "http://plain.example.com/" },
          {
            id: id("ep_", 5),
            url: "https://ed.example.com/",
            secret: `whpk_${Buffer.alloc(32, 7).toString("base64")}`,
          },
          {
            id: id("ep_", 6),
            url: "https://oauth.example.com/",
            secret: secret(6),
            headers: { "X-Amz-Date": "now" },
            transformation: { code: "x".repeat(60_000), enabled: true },
            oauth: {
              authMethod: "clientSecretBasic",
              grantType: "clientCredentials",
              clientId: "c",
              tokenUrl: "https://oauth.example.com/token",
            },
          },
        ],
        destinations: [
          {
            id: id("dest_", 1),
            uid: "warehouse",
            type: "pollingEndpoint",
            status: "enabled",
            currentIterator: "x",
            batchSize: 1,
            maxWaitSecs: 0,
            metadata: {},
            createdAt: "2026-01-01T00:00:00Z",
            updatedAt: "2026-01-01T00:00:00Z",
          },
        ],
      },
      ben!,
    ];
    svix.faults.length = 0;
    const report = await run(svix.url);
    svix.faults.length = 0;
    const notes = report.notes.map(({ where, what }) => `${where}: ${what}`).join("\n");
    for (const part of [
      /endpoint site: the header Authorization was not copied/,
      /ep_0+2: not copied: 400 .*https/,
      /ep_0+5: it signs with ed25519/,
      /ep_0+6: its headers were not copied: 400/,
      /ep_0+6: its transformation was not copied.*: 422/,
      /ep_0+6: it uses OAuth/,
      /destination warehouse: pollingEndpoint: not copied/,
    ]) {
      expect(notes).toMatch(part);
    }
    expect(countsOf(report)).toMatchObject({ applications: [2, 0, 0, 0], endpoints: [4, 0, 0, 1] });
    expect(report.toText()).toContain("Not copied, or not wholly (7):");
    for (const hidden of [secret(1), SVIX_TOKEN, target.live.key])
      expect(report.toText()).not.toContain(hidden);
  });

  it("reads lists of many pages", async () => {
    svix.data.applications = Array.from({ length: 230 }, (_, number) => ({
      id: id("app_", number + 10),
      uid: `u${number}`,
      name: "One of many",
      endpoints: [],
    }));
    expect(countsOf(await run(svix.url))["applications"]).toEqual([230, 0, 0, 0]);
    for (let number = 0; number < 230; number++) await target.call("DELETE", `/api/v1/app/u${number}`);
  });

  it("waits as long as a busy server asks for, and tries again when it fails", async () => {
    let asked = 0;
    svix.interfere = () => {
      asked += 1;
      if (asked % 3 === 1) return { status: 429, headers: { "retry-after": "7" } };
      return asked % 3 === 2 ? { status: 503 } : null;
    };
    expect(countsOf(await run(svix.url))["endpoints"]).toEqual([3, 0, 0, 0]);
    const asLongAsAsked = waits.filter((ms) => ms >= 7_000 && ms <= 8_400);
    expect(asLongAsAsked.length).toBeGreaterThan(10);
  });

  it("stops with a sentence, and goes on where it was with the next run", async () => {
    svix.interfere = (path) => (path.includes(id("ep_", 3)) ? { status: 500 } : null);
    await expect(run(svix.url)).rejects.toThrow(
      /Svix does not answer: it answered 500\. Run the command again/,
    );
    svix.interfere = () => null;
    const report = await run(svix.url);
    expect(countsOf(report)).toMatchObject({ applications: [0, 0, 2, 0], endpoints: [1, 0, 2, 0] });
  });

  it("says while it waits why it does, where nothing listens", async () => {
    const options = { from: "http://127.0.0.1:1", to: targetUrl, token: SVIX_TOKEN, apiKey: target.live.key };
    const said: string[] = [];
    const onProgress = (sentence: string): void => void said.push(sentence);
    await expect(importSvix({ ...options, dryRun: false }, { onProgress, runtime })).rejects.toThrow(
      /Svix does not answer: no answer came \(.+\)\. Run the command again/,
    );
    expect(said[0]).toMatch(
      /^Svix at http:\/\/127\.0\.0\.1:1: no answer came \(.+\); asking again in 1 s \(1 of 8\)$/,
    );
  });

  it("in a dry run writes nothing and says what it would do", async () => {
    const report = await run(svix.url, { dryRun: true });
    expect(countsOf(report)).toMatchObject({ applications: [2, 0, 0, 0], endpoints: [3, 0, 0, 0] });
    expect((await get("/app")).data).toEqual([]);
  });

  it("names the side that refuses its token, and not the token", async () => {
    const wrong = "testsk_wrong.eu";
    const error = await run(svix.url, { token: wrong }).catch(String);
    expect(error).toMatch(/Svix refuses the token \(401/);
    expect(error).not.toContain(wrong);
    const key = `phk_live_${"x".repeat(32)}`;
    await expect(run(svix.url, { apiKey: key })).rejects.toThrow(/Posthaste refuses the token \(401/);
  });

  it("sends a token nowhere else than to the address it was given for", async () => {
    svix.interfere = () => ({ status: 302, headers: { location: "https://elsewhere.example.com/" } });
    await expect(run(svix.url)).rejects.toThrow(/answers with a redirect/);
  });

  it("says so when the target is no Posthaste", async () => {
    await expect(run(svix.url, { to: svix.url, apiKey: SVIX_TOKEN })).rejects.toThrow(/is no Posthaste/);
  });
});

describe("from another Posthaste", () => {
  it("copies what it has, so that both hold the same", async () => {
    const source = await startTestServer();
    try {
      const url = await source.app.listen({ host: "127.0.0.1", port: 0 });
      await source.application({ uid: "ana", throttleRate: 9, metadata: { a: "b" } });
      const endpoint = await source.endpoint("ana", {
        uid: "site",
        eventTypes: ["order.completed"],
        headers: { "X-Shop": "ana" },
      });
      await source.call("PATCH", `/api/v1/app/ana/endpoint/${endpoint}/transformation`, {
        body: { code: "function handler(webhook) { return webhook; }", enabled: true },
      });
      const report = await run(url, { token: source.live.key });
      expect(report.notes).toEqual([]);
      expect(await contents(target, ["ana"])).toEqual(await contents(source, ["ana"]));
      const again = await run(url, { token: source.live.key });
      expect(countsOf(again)).toMatchObject({ applications: [0, 0, 1, 0], endpoints: [0, 0, 1, 0] });
    } finally {
      await source.close();
    }
  });
});

describe("what it is told", () => {
  const env = { SVIX_TOKEN: "t", POSTHASTE_API_KEY: "k" };

  it("takes tokens from the environment, and a flag before them", () => {
    expect(readSvixImport(["--url", "https://api.eu.svix.com/api/v1/"], env)).toEqual({
      from: "https://api.eu.svix.com",
      to: "http://127.0.0.1:8071",
      token: "t",
      apiKey: "k",
      dryRun: false,
    });
    const flags = [
      "--url",
      "https://a.b",
      "--token",
      "x",
      "--api-key",
      "y",
      "--to",
      "http://c:1/",
      "--dry-run",
    ];
    expect(readSvixImport(flags, env)).toMatchObject({
      token: "x",
      apiKey: "y",
      to: "http://c:1",
      dryRun: true,
    });
  });

  it("says what is missing or wrong", () => {
    for (const [args, vars, message] of [
      [["--url", "https://a.b"], { POSTHASTE_API_KEY: "k" }, /SVIX_TOKEN/],
      [["--url", "https://a.b"], { SVIX_TOKEN: "t" }, /POSTHASTE_API_KEY/],
      [[], env, /--url is missing/],
      [["--url", "svix.com"], env, /--url must be an address/],
      [["--url", "https://me:pw@svix.com"], env, /--url must be an address/],
      [["--url", "https://a.b", "--to", "ftp://c"], env, /--to must be an address/],
      [["--frobnicate"], env, /Unknown option/],
    ] as const) {
      expect(() => readSvixImport(args, vars)).toThrow(message);
    }
  });
});
