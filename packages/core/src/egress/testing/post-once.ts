import { systemRuntime } from "../../runtime/system-runtime.ts";
import { createEgress } from "../create-egress.ts";
import { DEV_POLICY, parsePolicy } from "../policy.ts";

/** A process of its own for tests of the environment: posts to the URL in its argument and prints the status. */
const parsed = parsePolicy(DEV_POLICY);
if (!parsed.ok) throw new Error(parsed.message);
const runtime = systemRuntime({ debug() {}, info() {}, warn() {}, error() {} });
const egress = createEgress({ runtime, rules: parsed.rules });
const outcome = await egress.post({
  url: process.argv[2] ?? "",
  headers: {},
  body: "{}",
  deadlineMs: 10_000,
});
process.stdout.write(outcome.kind === "response" ? String(outcome.statusCode) : outcome.detail);
await egress.close();
