import { call, Refused, type Target } from "./api.ts";
import type { LedgerEvent } from "./ledger.ts";
import type { Scene } from "./scene.ts";
import { sleep } from "./wait.ts";

/** How a 503 says that the event may have been stored all the same. */
const IN_DOUBT = /not known whether/;
const AWAY_PAUSE_MS = 10;
const REFUSED_PAUSE_MS = 5;

export interface EventPlan {
  readonly app: string;
  readonly eventType: string;
  readonly padding?: number;
}

export interface LoadOptions {
  readonly clients: number;
  readonly next: () => EventPlan;
  /**
   * Each client repeats its request under one idempotency key until it is answered for good, as a client that
   * wants nothing to be lost does. Without it a lost answer stays unknown.
   */
  readonly retrying?: boolean;
  /** The load ends by itself after this many events. */
  readonly max?: number;
}

export interface Load {
  /** Lets requests under way end; resolves when no client runs any more. */
  stop(): Promise<void>;
  /** Resolves when `max` events have been posted. */
  readonly ended: Promise<void>;
}

export function payloadOf(number: number, padding: number): string {
  return `{"number":${number},"big":12345678901234567890,"note":"${"x".repeat(padding)}"}`;
}

/** Clients that post events, one after the other each, and write down what they were answered. */
export function startLoad(
  scene: Scene,
  { clients, next, retrying = false, max = Infinity }: LoadOptions,
): Load {
  const stopping = new AbortController();
  const client = async (): Promise<void> => {
    while (!stopping.signal.aborted && scene.ledger.events.length < max) {
      const plan = next();
      const { entry, payload } = await scene.ledger.intend({
        ...plan,
        payload: (number) => payloadOf(number, plan.padding ?? 100),
      });
      await postEvent(scene, { entry, payload, retrying });
    }
  };
  const ended = Promise.all(Array.from({ length: clients }, client)).then(() => undefined);
  return {
    ended,
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

/** Posts one event and writes down the outcome. */
export async function postEvent(
  scene: Scene,
  options: { entry: LedgerEvent; payload: string; retrying?: boolean; target?: Target },
): Promise<void> {
  const { entry, payload, retrying = false } = options;
  for (;;) {
    try {
      const { id } = await call<{ id: string }>(
        options.target ?? scene.target(),
        "POST",
        `/app/${entry.app}/msg`,
        {
          body: `{"eventType":"${entry.eventType}","payload":${payload}}`,
          ...(retrying ? { idempotencyKey: `event-${entry.number}` } : {}),
        },
      );
      return await scene.ledger.acknowledge(entry, id);
    } catch (error) {
      if (error instanceof Refused) {
        await sleep(REFUSED_PAUSE_MS);
        if (retrying && error.status === 503) continue;
        if (IN_DOUBT.test(error.message)) return await scene.ledger.loseSight(entry, error.message);
        return await scene.ledger.reject(entry, error.status);
      }
      await sleep(AWAY_PAUSE_MS);
      if (!retrying && !neverSent(error)) return await scene.ledger.loseSight(entry, String(error));
    }
  }
}

/** Nobody listened: the request never left, so the event can be posted again. */
function neverSent(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED";
}
