import { onTestFinished } from "vitest";
import type { Runtime } from "../../runtime/runtime.ts";
import { systemRuntime } from "../../runtime/system-runtime.ts";
import { createEgress, type EgressOptions } from "../create-egress.ts";
import type { EgressFailure, EgressOutcome, EgressResponse } from "../egress.ts";
import type { HttpEgress } from "../http-egress.ts";
import { parsePolicy, type EgressPolicy, type EgressRules } from "../policy.ts";
import type { Resolution, Resolver } from "../resolver.ts";
import { rawServer, type RawServer, type RawServerOptions } from "./raw-server.ts";

export const testRuntime: Runtime = systemRuntime({ debug() {}, info() {}, warn() {}, error() {} });

export function rulesOf(policy: Partial<EgressPolicy> = {}): EgressRules {
  const parsed = parsePolicy({ allowHttp: true, allowedNetworks: [], ...policy });
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.rules;
}

/** This machine is open, nothing else beside the public internet. */
export const LOOPBACK_RULES = rulesOf({ allowedNetworks: ["127.0.0.0/8", "::1"] });
export const PUBLIC_RULES = rulesOf();

/** An egress that is closed with the test. */
export function testEgress(options: Partial<EgressOptions> = {}): HttpEgress {
  const egress = createEgress({ runtime: testRuntime, rules: LOOPBACK_RULES, ...options });
  onTestFinished(() => egress.close());
  return egress;
}

/** A raw receiver that is closed with the test. */
export async function testServer(
  options: RawServerOptions | RawServerOptions["onRequest"] = {},
): Promise<RawServer> {
  const server = await rawServer(typeof options === "function" ? { onRequest: options } : options);
  onTestFinished(() => server.close());
  return server;
}

/** Sends one small event; anything can be overridden. */
export function post(
  egress: HttpEgress,
  url: string,
  overrides: Partial<Parameters<HttpEgress["post"]>[0]> = {},
) {
  return egress.post({
    url,
    headers: { "content-type": "application/json", "webhook-id": "msg_1" },
    body: '{"type":"order.completed"}',
    deadlineMs: 5_000,
    ...overrides,
  });
}

export function responseOf(outcome: EgressOutcome): EgressResponse {
  if (outcome.kind !== "response") throw new Error(`no response: ${outcome.errorClass}: ${outcome.detail}`);
  return outcome;
}

export function failureOf(outcome: EgressOutcome): EgressFailure {
  if (outcome.kind !== "failure") throw new Error(`a response: ${outcome.statusCode}`);
  return outcome;
}

/** A resolver that knows these names and counts what it is asked. */
export function scriptedResolver(
  names: Readonly<Record<string, readonly string[]>>,
): Resolver & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async resolve(name): Promise<Resolution> {
      asked.push(name);
      const addresses = names[name];
      if (!addresses) return { ok: false, reason: "not_found", detail: "not in the script" };
      return { ok: true, addresses };
    },
  };
}

/** Waits for something another part of the process brings about; fails with the test's own timeout. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
