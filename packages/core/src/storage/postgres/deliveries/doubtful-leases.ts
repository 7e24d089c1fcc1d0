import { DOUBTFUL_COMMITS_MAX } from "../../../domain/limits.ts";
import type { CommitBatch } from "../../port.ts";
import { textArray } from "../arrays.ts";
import { findTransaction, type TransactionMark, UndecidedCommit } from "../commit-outcome.ts";
import type { ConnectionPool } from "../database.ts";
import { statement } from "../statement.ts";
import { DUE_AT_ONCE, isLeased } from "./accept.ts";

interface DoubtfulLease {
  readonly appId: string;
  readonly endpointId: string;
  readonly messageId: string;
  readonly leaseId: string;
}

/** Only what nobody has touched since it was accepted. */
const free = statement(
  "due.free_doubtful",
  `UPDATE due SET leased_by = NULL, next_attempt_at = ${DUE_AT_ONCE}
   FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS d (app_id, endpoint_id, message_id, leased_by)
   WHERE due.app_id = d.app_id AND due.endpoint_id = d.endpoint_id AND due.ord = 0
     AND due.message_id = d.message_id AND due.leased_by = d.leased_by AND due.attempts = 0`,
);

/**
 * Deliveries of commits of which nobody knew whether they went through. They were refused, so no lane has them;
 * if they are stored after all, they are leased to a process that does not know of them. Once their transaction
 * is over, they are put where the next claim finds them.
 */
export class DoubtfulLeases {
  #commits: { mark: TransactionMark; leases: DoubtfulLease[] }[] = [];

  /** Remembers what a commit may have leased that failed like this. */
  add(error: unknown, batch: CommitBatch): void {
    if (error instanceof UndecidedCommit) this.remember(error.mark, batch.accepted);
  }

  /** The same of one that is known to have gone through, but not what of it is leased. */
  remember(mark: TransactionMark, accepted: CommitBatch["accepted"]): void {
    const leases = accepted.flatMap(({ message, deliveries, leaseId }) =>
      deliveries
        .filter(isLeased)
        .map(({ endpointId }) => ({ appId: message.appId, endpointId, messageId: message.id, leaseId })),
    );
    if (leases.length === 0) return;
    this.#commits = [...this.#commits, { mark, leases }].slice(-DOUBTFUL_COMMITS_MAX);
  }

  async free(pool: ConnectionPool): Promise<void> {
    for (const commit of this.#commits) {
      if ((await findTransaction(pool, commit.mark)) === "in progress") continue;
      await pool.query(free, [
        textArray(commit.leases.map(({ appId }) => appId)),
        textArray(commit.leases.map(({ endpointId }) => endpointId)),
        textArray(commit.leases.map(({ messageId }) => messageId)),
        textArray(commit.leases.map(({ leaseId }) => leaseId)),
      ]);
      this.#commits = this.#commits.filter((each) => each !== commit);
    }
  }
}
