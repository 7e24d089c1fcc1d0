import { ACCEPT_ROUNDS_MAX, COLLISION_RETRIES_MAX } from "../../../domain/limits.ts";
import {
  type AcceptResult,
  type CommitBatch,
  type CommitResult,
  type SettleTold,
  StoreUnavailable,
} from "../../port.ts";
import type { Connection, ConnectionPool } from "../database.ts";
import { codeOf, isCollision } from "../failure.ts";
import type { PartitionKeeper } from "../partitions.ts";
import { insertAccepted, isLeased, storeTold } from "./accept.ts";
import type { DoubtfulLeases } from "./doubtful-leases.ts";
import { SettledEndpoints } from "./endpoint-changes.ts";
import { noteWipes } from "../history/wipe.ts";
import { moveOn } from "./settle.ts";
import { type Candidate, findVerdicts, takeUnique } from "./unique.ts";
import { acceptAtOnce, areEnding, arePlain, endAtOnce } from "./write-at-once.ts";

const CHECK_VIOLATION = "23514";
const UNIQUE_VIOLATION = "23505";
const NO_PLACES: ReadonlySet<number> = new Set();
const NOTHING: readonly Told[] = [];

export interface CommitParts {
  readonly ingest: ConnectionPool;
  readonly partitions: PartitionKeeper;
  readonly doubtful: DoubtfulLeases;
}

/**
 * One transaction for a batch. Messages whose key or event id is in use, by another node or earlier in the batch,
 * are answered by what holds it; the few that are free after all (its holder has expired, or its message is gone)
 * are tried again in transactions of their own.
 */
export async function commitBatch(parts: CommitParts, batch: CommitBatch): Promise<CommitResult> {
  if (batch.accepted.length + batch.settled.length === 0) return { accepted: [], settled: [] };
  const answers = new Map<number, AcceptResult>();
  let settled: readonly boolean[] | null = null;
  let open = batch.accepted.map((accepted, place): Candidate => ({ accepted, place, goneMessageId: null }));
  for (let round = 0; round < ACCEPT_ROUNDS_MAX && (round === 0 || open.length > 0); round++) {
    const { distinct, later } = separate(open);
    const first = settled === null;
    try {
      const written = await writeRound(parts, { candidates: distinct, settled: first ? batch.settled : [] });
      settled ??= batch.settled.map((_, place) => written.held.has(place));
      for (const { place, result } of written.accepted) answers.set(place, result);
      const refused = distinct.filter(({ place }) => !answers.has(place));
      open = await answerHeld(parts, { candidates: [...refused, ...later], answers });
    } catch (error) {
      // What the first round wrote is stored: the rest is refused, not the batch.
      if (settled === null || !(error instanceof StoreUnavailable)) throw error;
      parts.doubtful.add(error, { accepted: open.map(({ accepted }) => accepted), settled: [] });
      break;
    }
  }
  return {
    accepted: batch.accepted.map((_, place) => answers.get(place) ?? { kind: "unavailable" }),
    settled: settled ?? [],
  };
}

/** Those that share no key and no event id with each other, and the others, which come after them. */
function separate(candidates: readonly Candidate[]): { distinct: Candidate[]; later: Candidate[] } {
  const used = new Set<string>();
  const distinct: Candidate[] = [];
  const later: Candidate[] = [];
  for (const candidate of candidates) {
    const { message, environmentId, idempotency } = candidate.accepted;
    const key = idempotency === null ? null : `key ${environmentId} ${idempotency.scope}`;
    const event = message.eventId === null ? null : `event ${message.appId} ${message.eventId}`;
    const isTaken = (key !== null && used.has(key)) || (event !== null && used.has(event));
    (isTaken ? later : distinct).push(candidate);
    if (key !== null) used.add(key);
    if (event !== null) used.add(event);
  }
  return { distinct, later };
}

/** Answers those whose key or event id is held; returns the ones that are to be tried again, in their order. */
async function answerHeld(
  { ingest }: CommitParts,
  { candidates, answers }: { candidates: readonly Candidate[]; answers: Map<number, AcceptResult> },
): Promise<Candidate[]> {
  if (candidates.length === 0) return [];
  const verdicts = await findVerdicts(ingest, candidates);
  const again: Candidate[] = [];
  for (const candidate of candidates) {
    const verdict = verdicts.get(candidate);
    if (verdict === undefined || verdict.kind === "again") {
      again.push({ ...candidate, goneMessageId: verdict?.goneMessageId ?? null });
    } else {
      answers.set(candidate.place, verdict);
    }
  }
  return again.toSorted((a, b) => a.place - b.place);
}

interface Round {
  readonly candidates: readonly Candidate[];
  readonly settled: CommitBatch["settled"];
  /** Whether attempts of them may be stored already. */
  readonly isRepeated: boolean;
}

interface Written {
  readonly accepted: readonly { readonly place: number; readonly result: AcceptResult }[];
  /** Places of the settled deliveries whose lease held. */
  readonly held: ReadonlySet<number>;
}

/**
 * Again after a collision with another transaction, when a partition that was there has been dropped, or when an attempt
 * turns out to be there.
 */
async function writeRound(parts: CommitParts, asked: Omit<Round, "isRepeated">): Promise<Written> {
  let round: Round = { ...asked, isRepeated: false };
  for (let tries = 1; ; tries++) {
    await parts.partitions.ensureFor({
      message: [...round.candidates.map(messageId), ...toldBy(round.settled).map(messageId)],
      attempt: round.settled.flatMap(({ attempt }) => attempt?.id ?? []),
    });
    try {
      return (
        (await writeAtOnce(parts, round)) ??
        (await parts.ingest.transaction((connection) => write(connection, round)))
      );
    } catch (error) {
      const noPartition = codeOf(error) === CHECK_VIOLATION;
      if (noPartition) parts.partitions.forget();
      const isThere = codeOf(error) === UNIQUE_VIOLATION && round.settled.length > 0 && !round.isRepeated;
      if (isThere) round = { ...round, isRepeated: true };
      if (tries > COLLISION_RETRIES_MAX || !(noPartition ? tries === 1 : isThere || isCollision(error)))
        throw error;
    }
  }
}

/** Null: it takes more than one statement, so that nothing was written. */
async function writeAtOnce(parts: CommitParts, round: Round): Promise<Written | null> {
  const { candidates, settled } = round;
  const accepted = candidates.map((candidate) => candidate.accepted);
  if (settled.length === 0 && arePlain(accepted)) {
    const { alive } = await acceptAtOnce(parts, accepted);
    return { held: NO_PLACES, accepted: candidates.map((candidate) => outcomeOf(candidate, alive)) };
  }
  if (candidates.length === 0 && areEnding(settled)) {
    return { held: await endAtOnce(parts.ingest, round), accepted: [] };
  }
  return null;
}

/**
 * Locks that another commit may wait for are taken in one order by all: keys, event ids, endpoints, deliveries, notes of
 * delivered messages, each sorted. (A node's row is shared by its commits; who declares it dead holds nothing else.)
 * What does not depend on an answer is sent without waiting for it.
 */
async function write(connection: Connection, round: Round): Promise<Written> {
  const { candidates, settled } = round;
  const [{ taken, alive }, endpoints, held] = await Promise.all([
    accept(connection, candidates),
    SettledEndpoints.lock(connection, settled),
    settled.length === 0 ? NO_PLACES : moveOn(connection, round),
  ]);
  const disabling = (await endpoints?.write(connection, { settled, held })) ?? NO_PLACES;
  const told = toldBy(settled).filter(({ when, place }) => (when === "held" ? held : disabling).has(place));
  await storeTold(
    connection,
    told.map(({ accepted }) => accepted),
  );
  await noteWipes(connection, settled);
  return {
    held,
    accepted: taken.map((candidate) => outcomeOf(candidate, alive.has(candidate.accepted.leaseId))),
  };
}

function outcomeOf({ accepted, place }: Candidate, alive: boolean): Written["accepted"][number] {
  const unleased = !alive && accepted.deliveries.some(isLeased);
  return { place, result: unleased ? { kind: "accepted", unleased } : { kind: "accepted" } };
}

const messageId = ({ accepted }: Pick<Candidate, "accepted">): string => accepted.message.id;

interface Told extends SettleTold {
  /** Of its settled delivery in the batch. */
  readonly place: number;
}

function toldBy(settled: CommitBatch["settled"]): readonly Told[] {
  if (!settled.some(({ tells }) => tells !== undefined)) return NOTHING;
  return settled.flatMap(({ tells = NOTHING }, place) => tells.map((tell) => ({ ...tell, place })));
}

async function accept(
  connection: Connection,
  candidates: readonly Candidate[],
): Promise<{ taken: readonly Candidate[]; alive: ReadonlySet<string> }> {
  const taken = await takeUnique(connection, candidates);
  const alive = await insertAccepted(
    connection,
    taken.map(({ accepted }) => accepted),
  );
  return { taken, alive };
}
