import {
  TRANSFORMATION_PAROLE_RUNS,
  TRANSFORMATION_SLOW_MAX,
  TRANSFORMATION_SLOW_MS,
  TRANSFORMATION_THREADS,
} from "../domain/limits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Reply } from "./protocol.ts";
import { failed, readResult } from "./result.ts";
import { TransformThread } from "./thread.ts";
import type { Transformer, TransformOutcome, TransformRequest } from "./transformer.ts";

interface Waiting {
  readonly request: TransformRequest;
  readonly resolve: (outcome: TransformOutcome) => void;
}

/** What one endpoint has asked for. */
interface Turn {
  readonly key: string;
  readonly jobs: Waiting[];
}

/**
 * Transformations in threads of their own, started with the first. Endpoints take turns, one run of each at a time.
 * An endpoint whose run was slow is served by the last thread only until it has been quick for a while, so that a
 * script that runs away holds up quick ones once, for at most its own time limit. Bounded by who asks: every attempt
 * in flight has at most one run here, and simulations are counted.
 */
export class TransformPool implements Transformer {
  readonly #threads: readonly TransformThread[];
  readonly #turns = new Map<string, Turn>();
  /** Turns that may start, in order: of quick endpoints, and of slow ones. */
  readonly #quick = new Set<Turn>();
  readonly #slow = new Set<Turn>();
  /** Slow endpoints, with how many quick runs they still owe. */
  readonly #parole = new Map<string, number>();
  #closed = false;

  constructor({ runtime, threads = TRANSFORMATION_THREADS }: { runtime: Runtime; threads?: number }) {
    this.#threads = Array.from({ length: Math.max(2, threads) }, () => new TransformThread(runtime));
  }

  run(request: TransformRequest): Promise<TransformOutcome> {
    if (this.#closed) return Promise.resolve(INTERRUPTED);
    return new Promise((resolve) => {
      const waiting = this.#turns.get(request.key);
      if (waiting !== undefined) {
        waiting.jobs.push({ request, resolve });
        return;
      }
      const turn = { key: request.key, jobs: [{ request, resolve }] };
      this.#turns.set(request.key, turn);
      this.#ready(turn);
      this.#pump();
    });
  }

  abort(): void {
    for (const { jobs } of this.#turns.values()) {
      for (const { resolve } of jobs.splice(0)) resolve(INTERRUPTED);
    }
    this.#quick.clear();
    this.#slow.clear();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.abort();
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #ready(turn: Turn): void {
    const slow = this.#parole.has(turn.key) || turn.jobs[0]?.request.untrusted === true;
    (slow ? this.#slow : this.#quick).add(turn);
  }

  #pump(): void {
    const last = this.#threads.length - 1;
    for (const [index, thread] of this.#threads.entries()) {
      if (thread.busy) continue;
      const queues = index === last ? [this.#slow, this.#quick] : [this.#quick];
      const turn = takeFirst(queues);
      if (turn !== undefined) this.#start(thread, turn);
    }
  }

  #start(thread: TransformThread, turn: Turn): void {
    const job = turn.jobs.shift();
    if (job === undefined) return;
    const { untrusted: _untrusted, ...rest } = job.request;
    void this.#finish(turn, job, thread.run(rest));
  }

  async #finish(turn: Turn, { request, resolve }: Waiting, running: Promise<Reply>): Promise<void> {
    const reply = await running;
    if (!request.untrusted) this.#judge(turn.key, reply.costMs);
    resolve(this.#outcomeOf(reply, request));
    if (turn.jobs.length > 0) this.#ready(turn);
    else this.#turns.delete(turn.key);
    this.#pump();
  }

  #outcomeOf({ text, failure }: Reply, request: TransformRequest): TransformOutcome {
    if (this.#closed) return INTERRUPTED;
    return text === null ? failed(failure ?? "The transformation failed.") : readResult(text, request);
  }

  #judge(key: string, costMs: number): void {
    const owed = this.#parole.get(key);
    if (costMs >= TRANSFORMATION_SLOW_MS) {
      this.#parole.delete(key);
      this.#parole.set(key, TRANSFORMATION_PAROLE_RUNS);
      if (this.#parole.size > TRANSFORMATION_SLOW_MAX) takeFirstKey(this.#parole);
    } else if (owed !== undefined) {
      if (owed > 1) this.#parole.set(key, owed - 1);
      else this.#parole.delete(key);
    }
  }
}

const INTERRUPTED: TransformOutcome = { kind: "interrupted" };

function takeFirst(queues: readonly Set<Turn>[]): Turn | undefined {
  for (const queue of queues) {
    for (const turn of queue) {
      queue.delete(turn);
      return turn;
    }
  }
  return undefined;
}

function takeFirstKey(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
