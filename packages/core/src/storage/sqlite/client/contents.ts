import type { CancellationStore } from "../../port-cancellation.ts";
import type { ContentStore } from "../../port-contents.ts";
import type { Threads } from "./deliveries.ts";

export function contentStore({ writer }: Pick<Threads, "writer">): ContentStore {
  return {
    expungeMessages: (request) => writer.call("expungeMessages", request),
    wipe: (request) => writer.call("wipePayloads", request),
    forgetWipes: (request) => writer.call("forgetWipes", request),
    expungeAttempt: (request) => writer.call("expungeAttempt", request),
  };
}

export function cancellationStore({ writer }: Pick<Threads, "writer">): CancellationStore {
  return { cancelOwed: (request) => writer.call("cancelOwed", request) };
}
