import { systemRuntime } from "../../packages/core/src/runtime/system-runtime.ts";
import { TransformPool } from "../../packages/core/src/transform/pool.ts";
import { nowMicros } from "../clock.ts";
import { EVENT_TYPE, PAYLOAD } from "../event.ts";
import { Histogram } from "../histogram.ts";

/** What people write: another shape of the payload, and a header. */
const CODE = `function handler(webhook) {
  const { order, customer } = webhook.payload.data;
  const amount = (order.total.amount / 100).toFixed(2) + " " + order.total.currency;
  webhook.payload = { text: customer.name + " bought " + order.lines[0].product.name + " for " + amount };
  webhook.headers["x-order"] = order.id;
  return webhook;
}`;
const ignore = (): void => undefined;
const ENDPOINTS = 8;
const WARM_UP = 5_000;
const RUNS = 20_000;

export interface TransformationResult {
  /** Microseconds from the call to its outcome, the way to the sandbox's thread and back included. */
  readonly p50Micros: number;
  readonly p99Micros: number;
}

/** What a transformation adds to an attempt: one after the other, over the sandboxes of a few endpoints. */
export async function measureTransformation(): Promise<TransformationResult> {
  const pool = new TransformPool({
    runtime: systemRuntime({ debug: ignore, info: ignore, warn: ignore, error: ignore }),
  });
  const cost = new Histogram();
  try {
    for (let run = 0; run < WARM_UP + RUNS; run += 1) {
      const since = nowMicros();
      const outcome = await pool.run({
        key: `ep_${run % ENDPOINTS}`,
        untrusted: false,
        code: CODE,
        variables: null,
        eventType: EVENT_TYPE,
        url: "https://receiver.example/hook",
        payload: PAYLOAD,
        seed: `msg_${run}`,
        now: since / 1_000,
      });
      if (outcome.kind !== "transformed") throw new Error(`a transformation ended as ${outcome.kind}`);
      if (run >= WARM_UP) cost.record(nowMicros() - since);
    }
  } finally {
    await pool.close();
  }
  return { p50Micros: cost.quantile(0.5), p99Micros: cost.quantile(0.99) };
}
