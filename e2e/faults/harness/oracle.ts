import { join } from "node:path";
import type { Context, Figures } from "../fault-test.ts";
import { type AttemptRow, listAttempts } from "./api.ts";
import { writeLines } from "./journal.ts";
import type { LedgerEvent } from "./ledger.ts";
import type { Hit } from "./receiver.ts";
import type { Crash, Scene } from "./scene.ts";

export interface Judgement {
  readonly violations: string[];
  readonly figures: Figures;
}

/** What one endpoint got of one message, and what the API says about it. */
interface Delivery {
  readonly hits: Hit[];
  readonly rows: AttemptRow[];
}

interface JudgeOptions {
  /** Events whose history retention may have removed; they have to have been received all the same. */
  readonly forgets?: (event: LedgerEvent) => boolean;
  /** The test breaks connections: what was recorded as sent without an answer may be sent again. */
  readonly brokenConnections?: boolean;
}

/** More of one kind say no more. */
const EXAMPLES = 3;

/**
 * The oracle. What was acknowledged has been delivered and is remembered as delivered, or is visible as failed;
 * what was delivered had been sent; body and signature are the event's own; every POST that arrived is a recorded attempt, except those a
 * crash cut off; a duplicate has a crash in between.
 */
export async function judge(
  context: Context,
  scene: Scene,
  { forgets = () => false, brokenConnections = false }: JudgeOptions = {},
): Promise<Judgement> {
  const findings = new Findings();
  const deliveries = await gather(scene);
  const ids = new Map<number, Set<string>>();
  for (const hit of scene.receiver.hits) {
    judgeHit(hit, scene.ledger.events[hit.number], findings);
    const seen = ids.get(hit.number);
    if (seen) seen.add(hit.id);
    else ids.set(hit.number, new Set([hit.id]));
  }
  for (const event of scene.ledger.events) {
    judgeEvent(event, { ids: ids.get(event.number) ?? new Set(), deliveries, scene, findings, forgets });
  }
  for (const [key, delivery] of deliveries) {
    const event = scene.ledger.events[delivery.hits[0]?.number ?? -1];
    if (event !== undefined && forgets(event)) continue;
    judgeHistory(key, { delivery, crashes: scene.crashes, findings, brokenConnections });
  }
  writeLines(join(context.folder, "received.jsonl"), scene.receiver.hits);
  writeLines(
    join(context.folder, "crashes.jsonl"),
    scene.crashes.map(({ from, to }) => ({ from, to })),
  );
  const outcomes = (outcome: string): number =>
    scene.ledger.events.filter((event) => event.outcome === outcome).length;
  return {
    violations: findings.list(),
    figures: {
      acknowledged: scene.ledger.acknowledged,
      unknown: outcomes("unknown"),
      rejected: outcomes("rejected"),
      received: scene.receiver.hits.length,
      lost: findings.count("lost"),
      forgotten: findings.count("forgotten"),
      duplicates: findings.duplicates,
      failed: findings.failed,
    },
  };
}

class Findings {
  duplicates = 0;
  failed = 0;
  readonly #byKind = new Map<string, string[]>();

  add(kind: string, text: string): void {
    const found = this.#byKind.get(kind);
    if (found) found.push(text);
    else this.#byKind.set(kind, [text]);
  }

  count(kind: string): number {
    return this.#byKind.get(kind)?.length ?? 0;
  }

  list(): string[] {
    return [...this.#byKind].map(
      ([kind, found]) => `${kind} (${found.length}): ${found.slice(0, EXAMPLES).join("; ")}`,
    );
  }
}

async function gather(scene: Scene): Promise<Map<string, Delivery>> {
  const deliveries = new Map<string, Delivery>();
  const of = (endpoint: string, id: string): Delivery => {
    const key = `${endpoint} ${id}`;
    const known = deliveries.get(key);
    if (known) return known;
    const made = { hits: [], rows: [] };
    deliveries.set(key, made);
    return made;
  };
  for (const hit of scene.receiver.hits) of(hit.endpoint, hit.id).hits.push(hit);
  for (const { app, name } of scene.plans) {
    for (const row of await listAttempts(scene.target(), app, name)) of(name, row.msgId).rows.push(row);
  }
  return deliveries;
}

function judgeHit(hit: Hit, event: LedgerEvent | undefined, findings: Findings): void {
  const what = `event ${hit.number} at ${hit.endpoint}`;
  if (event === undefined) return findings.add("received but never sent", what);
  if (event.outcome === "rejected") {
    findings.add("received although it was refused", `${what} (${event.status})`);
  }
  if (event.id !== null && event.id !== hit.id) {
    findings.add("received under another id", `${what}: ${hit.id} instead of ${event.id}`);
  }
  if (event.hash !== hit.hash) findings.add("received with another body", what);
  if (!hit.signed) findings.add("received with a wrong signature", what);
}

function judgeEvent(
  event: LedgerEvent,
  about: {
    ids: Set<string>;
    deliveries: Map<string, Delivery>;
    scene: Scene;
    findings: Findings;
    forgets: (event: LedgerEvent) => boolean;
  },
): void {
  const { ids, deliveries, scene, findings } = about;
  const acknowledged = event.outcome === "acknowledged";
  if (ids.size > 1) findings.add("one event became several messages", `event ${event.number}`);
  const id = event.id ?? [...ids][0];
  // Never acknowledged and never seen: nothing was promised, nothing happened.
  if (id === undefined) return;
  for (const plan of scene.expected(event)) {
    const delivery = deliveries.get(`${plan.name} ${id}`);
    const what = `event ${event.number} (${id}) at ${plan.name}`;
    const received = delivery?.hits.some(({ status }) => isSuccess(status)) === true;
    if (delivery?.rows.some(({ statusText }) => statusText === "success")) {
      if (!received) findings.add("recorded as delivered but never received", what);
      continue;
    }
    // Canceled: what was owed could not be sent any more, and says so.
    if (["fail", "canceled"].includes(delivery?.rows[0]?.statusText ?? "")) {
      findings.failed += 1;
      if (!plan.mayFail) findings.add("failed at an endpoint that works", what);
      continue;
    }
    // Pruned since then.
    if (received && about.forgets(event)) continue;
    if (received) findings.add("forgotten", what);
    else findings.add(acknowledged ? "lost" : "fan-out cut in half", what);
  }
}

function judgeHistory(
  key: string,
  about: {
    delivery: Delivery;
    crashes: readonly Crash[];
    findings: Findings;
    brokenConnections: boolean;
  },
): void {
  const { hits, rows } = about.delivery;
  const crashedBetween = (from: number, to: number): boolean =>
    about.crashes.some((crash) => crash.to >= from && crash.from <= to);
  const unanswered = rows.filter(({ responseStatusCode }) => responseStatusCode === 0).length;
  let broken = about.brokenConnections ? unanswered : 0;
  for (const [index, hit] of hits.entries()) {
    const next = hits[index + 1];
    if (next === undefined || !isSuccess(hit.status)) continue;
    about.findings.duplicates += 1;
    if (crashedBetween(hit.at, next.at) || broken-- > 0) continue;
    about.findings.add("sent twice without a crash between", key);
  }
  const recorded = rows.filter(({ statusText }) => statusText !== "canceled").length;
  const first = hits[0]?.at ?? Infinity;
  const excused = about.crashes.filter(({ to }) => to >= first).length;
  if (hits.length - recorded > excused) {
    about.findings.add("received without a recorded attempt", `${key}: ${hits.length} and ${recorded}`);
  }
  const answered = rows.filter(({ responseStatusCode }) => responseStatusCode > 0).length;
  if (answered > hits.length) {
    about.findings.add("recorded but never received", `${key}: ${answered} and ${hits.length}`);
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}
