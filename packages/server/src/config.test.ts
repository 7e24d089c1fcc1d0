import { expect, test } from "vitest";
import { ConfigError, FLAGS, loadConfig, redactConfig, variableName } from "./config.ts";

test("without flags or variables every setting has its documented default", () => {
  expect(loadConfig([], {})).toMatchObject({
    host: "127.0.0.1",
    port: 8071,
    data: "posthaste-data",
    dev: false,
    apiKey: null,
    retryScheduleMs: [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 36_000_000],
    retentionDays: 90,
    quotas: { keyRequestsPerS: null, tokenRequestsPerS: 100, appMessagesPerS: null },
    logLevel: "info",
  });
  expect(FLAGS["retry-schedule"].default).toBe("5s,5m,30m,2h,5h,10h,10h");
});

test("every flag is an environment variable too, and the flag wins", () => {
  const env = { POSTHASTE_PORT: "9000", POSTHASTE_RETRY_SCHEDULE: "1s, 250ms", POSTHASTE_DEV: "1" };
  expect(loadConfig([], env)).toMatchObject({ port: 9_000, retryScheduleMs: [1_000, 250], dev: true });
  expect(loadConfig(["--port", "9001"], env).port).toBe(9_001);
  expect(variableName("retry-schedule")).toBe("POSTHASTE_RETRY_SCHEDULE");
});

test("a quota of 0 is no limit", () => {
  const env = { POSTHASTE_TOKEN_REQUESTS_PER_SECOND: "0", POSTHASTE_APP_MESSAGES_PER_SECOND: "20" };
  expect(loadConfig(["--key-requests-per-second", "500"], env).quotas).toEqual({
    keyRequestsPerS: 500,
    tokenRequestsPerS: null,
    appMessagesPerS: 20,
  });
});

test("development opens http and private networks; without it only https to the internet is open", () => {
  expect(loadConfig(["--dev"], {}).egress).toMatchObject({ allowHttp: true, opensLoopback: true });
  expect(loadConfig([], {}).egress).toMatchObject({ allowHttp: false, opensLoopback: false });
});

test("an operator's networks open those and nothing else", () => {
  const { egress } = loadConfig(["--allow-networks", "10.20.0.0/16"], {});
  expect(egress.networks).toHaveLength(1);
  expect(egress.opensLoopback).toBe(false);
});

test.each([
  [["--port", "-1"]],
  [["--port", "1.5"]],
  [["--retry-schedule", "5"]],
  [["--retry-schedule", "8d"]],
  [["--retry-schedule", Array(21).fill("1s").join()]],
  [["--retention-days", "0"]],
  [["--key-requests-per-second", "many"]],
  [["--app-messages-per-second", "1000001"]],
  [["--api-key", "phk_live_short"]],
  [["--allow-networks", "localhost"]],
  [["stray"]],
  [["--role", "sender"]],
  [["--role", "worker"]],
  [["--role", "api"]],
  [["--database", "mysql://u:pw-secret@h/d"]],
  [["--database", "postgres://u:pw-secret@h"]],
  [["--database", "pw-secret"]],
  [["--database", "postgres://u:pw-secret@h/d", "--data", "x"]],
])("%j is refused with a ConfigError", (args) => {
  expect(() => loadConfig(args, {})).toThrow(ConfigError);
});

test("a database is shared by nodes of any role, and no refusal repeats its password", () => {
  const url = "postgresql://ana:pw-secret@db.internal/posthaste";
  expect(loadConfig(["--database", url, "--role", "worker"], {})).toMatchObject({
    database: url,
    role: "worker",
  });
  const env = { POSTHASTE_DATABASE: url, POSTHASTE_ROLE: "api", POSTHASTE_DATA: "/data" };
  expect(loadConfig([], env)).toMatchObject({ database: url, role: "api" });
  for (const bad of ["mysql://u:pw-secret@h/d", "postgres://u:pw-secret@h", "pw-secret"]) {
    expect(() => loadConfig(["--database", bad], {})).toThrow(/^(?!.*pw-secret)/s);
  }
});

test("a switch variable is on or off, never a guess", () => {
  expect(() => loadConfig([], { POSTHASTE_DEV: "maybe" })).toThrow("POSTHASTE_DEV");
});

test("what is printed at the start tells where the database is, without its password", () => {
  const url = "postgres://ana:pw-secret@db.internal:6432/posthaste?sslmode=verify-full";
  const printed = redactConfig(loadConfig(["--database", url], {}));
  expect(printed).toMatchObject({
    database: { host: "db.internal", port: "6432", database: "posthaste", user: "ana" },
  });
  expect(JSON.stringify(printed)).not.toContain("secret");
});

test("the master keys come from a variable, never from a flag, and are not printed", () => {
  const ring = `phm_${"s".repeat(43)}`;
  const config = loadConfig(["--master-keys-file", "ring"], { POSTHASTE_MASTER_KEYS: ring });
  expect(config).toMatchObject({ masterKeys: ring, masterKeysFile: "ring" });
  expect(JSON.stringify(redactConfig(config))).not.toContain("ssss");
  expect(() => loadConfig(["--master-keys", ring], {})).toThrow(/^(?!.*ssss)/s);
});

test("what is printed at the start holds no key", () => {
  const key = `phk_live_${"s".repeat(32)}`;
  const printed = JSON.stringify(redactConfig(loadConfig(["--api-key", key], {})));
  expect(printed).not.toContain("ssss");
  expect(printed).toContain("[redacted]");
});

test("the operator's key comes from a variable, never from a flag, and no message repeats it", () => {
  const key = `phop_${"s".repeat(32)}`;
  expect(loadConfig([], {}).operatorKey).toBeNull();
  expect(loadConfig([], { POSTHASTE_OPERATOR_KEY: "" }).operatorKey).toBeNull();
  const config = loadConfig([], { POSTHASTE_OPERATOR_KEY: key });
  expect(config.operatorKey).toBe(key);
  expect(redactConfig(config)).toMatchObject({ operatorKey: "[redacted]" });
  expect(JSON.stringify(redactConfig(config))).not.toContain("ssss");
  expect(() => loadConfig(["--operator-key", key], {})).toThrow(/^(?!.*ssss)/s);
  for (const bad of [`phk_live_${"s".repeat(32)}`, `phop_${"s".repeat(31)}`, `phop_${"s".repeat(32)}!`]) {
    expect(() => loadConfig([], { POSTHASTE_OPERATOR_KEY: bad })).toThrow(
      /POSTHASTE_OPERATOR_KEY(?!.*ssss)/s,
    );
  }
});
