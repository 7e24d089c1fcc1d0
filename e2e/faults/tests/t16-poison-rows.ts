import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { call, listAttempts, Refused } from "../harness/api.ts";
import { startLoad } from "../harness/load.ts";
import { judge } from "../harness/oracle.ts";
import { type EndpointPlan, Scene } from "../harness/scene.ts";
import { until } from "../harness/wait.ts";

interface Poison {
  /** Also the application's uid, and that of the endpoint it spoils. */
  readonly name: string;
  readonly spoil: string;
  readonly mend: string;
  /** `waits`: the application cannot be read, and says so. `fails`: its attempts fail, for all to see. */
  readonly effect: "waits" | "fails" | "delivers";
}

const APP = (name: string): string => `(SELECT id FROM application WHERE uid = '${name}')`;

function spoilEndpoint(
  name: string,
  options: { column: string; to: string; effect: Poison["effect"] },
): Poison {
  const { column, to, effect } = options;
  return {
    name,
    effect,
    spoil: `CREATE TABLE kept_${name} AS SELECT ${column} AS value FROM endpoint WHERE uid = '${name}';
      UPDATE endpoint SET ${column} = '${to}' WHERE uid = '${name}'`,
    mend: `UPDATE endpoint SET ${column} = (SELECT value FROM kept_${name}) WHERE uid = '${name}';
      DROP TABLE kept_${name}`,
  };
}

const POISONS: readonly Poison[] = [
  spoilEndpoint("headers", { column: "headers", to: '{"x', effect: "waits" }),
  spoilEndpoint("schedule", { column: "retry_schedule_ms", to: "[", effect: "waits" }),
  spoilEndpoint("secrets", { column: "secrets", to: "none", effect: "waits" }),
  // Not sealed for this row: somebody wrote it who must not, so nothing is signed with it.
  spoilEndpoint("secret", {
    column: "secrets",
    to: '[{"key":"whsec_!!!","expiresAt":null}]',
    effect: "waits",
  }),
  spoilEndpoint("nosecret", { column: "secrets", to: "[]", effect: "waits" }),
  spoilEndpoint("url", { column: "url", to: "not a url", effect: "fails" }),
  {
    name: "metadata",
    effect: "waits",
    spoil: "UPDATE application SET metadata = '{' WHERE uid = 'metadata'",
    mend: "UPDATE application SET metadata = '{}' WHERE uid = 'metadata'",
  },
  {
    name: "tags",
    effect: "delivers",
    spoil: `UPDATE message SET channels = '[', tags = '{' WHERE app_id = ${APP("tags")};
      UPDATE attempt SET detail = 'nothing' WHERE app_id = ${APP("tags")}`,
    mend: `UPDATE message SET channels = NULL, tags = NULL WHERE app_id = ${APP("tags")}`,
  },
];

const HEALTHY = "ana";
/** Its message is removed while it is owed: that delivery has to end, visibly. */
const GONE = "gone";
const EVENTS_EACH = 3;
const NEW_EVENTS = 50;
/** A crash loop or a busy loop would write many more. */
const LOG_LINES_MAX = 400;
const NAMED = /the row of endpoint ep_\w+ cannot be read/;
/** Longer than any run: what fails while it is spoiled must still be owed when it is mended. */
const SCHEDULE = Array.from({ length: 20 }, () => "2s").join(",");

export const t16: FaultTest = {
  id: "T16",
  sentence: "rows that cannot be read or sent hold up nobody else, and go on once they are mended",
  backends: ["sqlite"],
  run: (context) =>
    Scene.run(context, { endpoints: plan(), flags: ["--retry-schedule", SCHEDULE] }, (scene) =>
      run(context, scene),
    ),
};

function plan(): EndpointPlan[] {
  const names = [HEALTHY, GONE, ...POISONS.map(({ name }) => name)];
  return names.map((name) => ({ app: name, name, behaviour: () => 503, mayFail: name === GONE }));
}

async function run(context: Context, scene: Scene): Promise<Verdict> {
  const { node, ledger, receiver, plans } = scene;
  const { stallMs } = context;
  const violations: string[] = [];
  for (const { app } of plans) await send(scene, app, EVENTS_EACH);
  await node.end("SIGTERM");
  await scene.system.edit([...POISONS.map(({ spoil }) => spoil), removeMessages()]);
  for (const { name } of plans) receiver.behave(name, () => 204);
  await node.start();
  const spoiledFrom = ledger.events.length;
  await send(scene, HEALTHY, NEW_EVENTS);
  const arrived = (name: string): number =>
    receiver.hits.filter(({ endpoint, status }) => endpoint === name && status === 204).length;
  // Also its older events, which wait for a retry: the loops that serve everybody have to go on.
  const goal = EVENTS_EACH + NEW_EVENTS;
  await until("the healthy application's events", () => arrived(HEALTHY) >= goal, {
    stallMs,
    progress: () => arrived(HEALTHY),
  });
  for (const poison of POISONS) violations.push(...(await check(scene, { poison, stallMs })));
  violations.push(...(await checkGone(scene, stallMs)));
  if (!node.running) violations.push("the process ended");
  const lines = node.output.split("\n").length;
  if (!NAMED.test(node.output)) violations.push("the log does not name the damaged row");
  if (lines > LOG_LINES_MAX) violations.push(`it wrote ${lines} lines about it`);
  await node.end("SIGTERM");
  await scene.system.edit(POISONS.map(({ mend }) => mend));
  await node.start();
  await scene.drain();
  const { violations: found, figures } = await judge(context, scene);
  return {
    violations: [...violations, ...found],
    figures: {
      "kinds of poison": POISONS.length + 1,
      "events beside them": ledger.events.length - spoiledFrom,
      ...figures,
    },
  };
}

function removeMessages(): string {
  return `DELETE FROM message WHERE app_id = ${APP(GONE)}`;
}

async function send(scene: Scene, app: string, count: number): Promise<void> {
  const max = scene.ledger.events.length + count;
  await startLoad(scene, { clients: 1, max, next: () => ({ app, eventType: "order.completed" }) }).ended;
}

async function check(
  scene: Scene,
  { poison: { name, effect }, stallMs }: { poison: Poison; stallMs: number },
): Promise<string[]> {
  const { node } = scene;
  const seen = await call(node, "GET", `/app/${name}/msg`).then(
    () => 200,
    (error: unknown) => (error instanceof Refused ? error.status : 0),
  );
  if (effect === "waits") {
    return seen === 500 ? [] : [`${name}: the application cannot be read, but its list says ${seen}`];
  }
  if (seen !== 200) return [`${name}: its messages cannot be listed: ${seen}`];
  const status = effect === "fails" ? "fail" : "success";
  const done = async (): Promise<boolean> =>
    (await listAttempts(node, name, name)).filter(({ statusText }) => statusText === status).length >=
    EVENTS_EACH + (effect === "fails" ? EVENTS_EACH : 0);
  await until(`${name} to be seen`, done, { stallMs });
  const posted = scene.receiver.hits.filter((hit) => hit.endpoint === name && hit.status === 204).length;
  return effect === "fails" && posted > 0 ? [`${name}: ${posted} POSTs left all the same`] : [];
}

async function checkGone({ node }: Scene, stallMs: number): Promise<string[]> {
  const ended = async (): Promise<boolean> =>
    (await listAttempts(node, GONE, GONE)).filter(({ statusText }) => statusText === "canceled").length ===
    EVENTS_EACH;
  await until("the deliveries without a message to end", ended, { stallMs });
  return [];
}
