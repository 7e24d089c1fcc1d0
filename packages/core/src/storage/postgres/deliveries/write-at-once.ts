import type { AcceptedMessage, SettledDelivery } from "../../port.ts";
import type { ConnectionPool, LostAnswer } from "../database.ts";
import { statement } from "../statement.ts";
import { acceptPlain, isLeased } from "./accept.ts";
import type { DoubtfulLeases } from "./doubtful-leases.ts";
import { attemptKeys, endAll, type Settling } from "./settle.ts";

const findMessage = statement<[one: number]>(
  "message.is_stored",
  "SELECT 1 FROM message WHERE app_id = $1 AND id = $2",
);
/**
 * Whether all are there. One is not enough: a settle is tried again after a commit of which nobody knew the outcome, and
 * then in a batch with others.
 */
const findAttempts = statement<[one: number]>(
  "attempt.are_stored",
  `SELECT 1 WHERE NOT EXISTS (
     SELECT FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS s (app_id, endpoint_id, message_id, id)
     WHERE NOT EXISTS (
       SELECT FROM attempt WHERE attempt.app_id = s.app_id AND attempt.endpoint_id = s.endpoint_id
         AND attempt.message_id = s.message_id AND attempt.id = s.id))`,
);

/** Whether one statement stores them all, which is nearly always so: of one node, and nothing that has to be asked for. */
export function arePlain(accepted: readonly AcceptedMessage[]): boolean {
  const [first] = accepted;
  return accepted.every(
    ({ message, idempotency, deliveries, polled, leaseId }) =>
      leaseId === first?.leaseId &&
      idempotency === null &&
      message.eventId === null &&
      message.deliverAt === null &&
      polled !== true &&
      deliveries.every(({ fifo }) => !fifo),
  );
}

/** Whether one statement ends them all: the endpoints stay as they are, nobody is told and nothing noted. */
export function areEnding(settled: readonly SettledDelivery[]): boolean {
  return settled.every(
    ({ next, endpoint, attempt, tells, wipeIn }) =>
      next.kind === "ended" &&
      endpoint === null &&
      attempt !== null &&
      tells === undefined &&
      wipeIn === undefined,
  );
}

/**
 * Stores plain messages; returns whether what is leased among their deliveries is. Where the answer was lost they wait
 * for a claim, and what is leased after all is freed for it.
 */
export async function acceptAtOnce(
  { ingest, doubtful }: { ingest: ConnectionPool; doubtful: DoubtfulLeases },
  accepted: readonly AcceptedMessage[],
): Promise<{ alive: boolean }> {
  const { appId, id } = accepted[0]?.message ?? { appId: "", id: "" };
  const answer = await ingest.write({
    ...acceptPlain(accepted),
    proof: { asked: findMessage, values: () => [appId, id] },
  });
  if (!isLost(answer)) return { alive: answer[0]?.[0] === true };
  doubtful.remember(answer.lost, accepted);
  return { alive: !accepted.some(({ deliveries }) => deliveries.some(isLeased)) };
}

/** Ends deliveries; returns the places of those whose lease still held: of all, where the answer was lost. */
export async function endAtOnce(ingest: ConnectionPool, settling: Settling): Promise<ReadonlySet<number>> {
  const { settled } = settling;
  const answer = await ingest.write({
    ...endAll(settling),
    proof: { asked: findAttempts, values: () => attemptKeys(settled) },
  });
  return new Set(isLost(answer) ? settled.keys() : answer.map(([place]) => place));
}

function isLost(answer: readonly unknown[] | LostAnswer): answer is LostAnswer {
  return "lost" in answer;
}
