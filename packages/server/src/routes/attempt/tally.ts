import { PosthasteError } from "@posthaste/core/domain/errors";
import { COUNT_ROWS_MAX, COUNT_STEP_ROWS } from "@posthaste/core/domain/limits";
import type {
  AttemptCount,
  AttemptCountQuery,
  AttemptCountStep,
  TypeCountQuery,
  TypeCountStep,
} from "@posthaste/core/storage/port-overview";
import type { Services } from "../../route.ts";

type TypeCount = TypeCountStep["counts"][number];

/** Counts attempts step by step: one for each request, which looks at COUNT_ROWS_MAX over all its endpoints. */
export class Tally {
  readonly #overview: Services["store"]["overview"];
  #left = COUNT_ROWS_MAX;

  constructor({ store }: Pick<Services, "store">) {
    this.#overview = store.overview;
  }

  /** An endpoint's attempts; false: the request has looked at all that it may. */
  attempts(
    query: Omit<AttemptCountQuery, "cursor" | "limit">,
    each: (count: AttemptCount) => void,
  ): Promise<boolean> {
    return this.#run((page) => this.#overview.countAttempts({ ...query, ...page }), each);
  }

  /** The same by the event types of their messages. */
  byType(
    query: Omit<TypeCountQuery, "cursor" | "limit">,
    each: (count: TypeCount) => void,
  ): Promise<boolean> {
    return this.#run((page) => this.#overview.countAttemptsByType({ ...query, ...page }), each);
  }

  async #run<Count>(
    step: (
      page: Pick<AttemptCountQuery, "cursor" | "limit">,
    ) => Promise<Omit<AttemptCountStep, "counts"> & { readonly counts: readonly Count[] }>,
    each: (count: Count) => void,
  ): Promise<boolean> {
    let cursor: string | null = null;
    while (this.#left > 0) {
      const made: Awaited<ReturnType<typeof step>> = await step({
        cursor,
        limit: Math.min(COUNT_STEP_ROWS, this.#left),
      });
      for (const count of made.counts) each(count);
      this.#left -= made.looked;
      ({ cursor } = made);
      if (cursor === null) return true;
    }
    return false;
  }
}

/** Counts that are not all of them would be taken for all of them. */
export function assertCounted(complete: boolean): void {
  if (complete) return;
  throw new PosthasteError(
    "limit_reached",
    `The endpoints of this application have ${COUNT_ROWS_MAX} attempts or more in this span of time. Ask for a shorter one.`,
  );
}
