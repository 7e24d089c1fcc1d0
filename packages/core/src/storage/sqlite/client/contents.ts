import type { ContentStore } from "../../port-contents.ts";
import type { Threads } from "./deliveries.ts";

export function contentStore({ writer }: Pick<Threads, "writer">): ContentStore {
  return {
    expungeMessages: (request) => writer.call("expungeMessages", request),
    expungeAttempt: (request) => writer.call("expungeAttempt", request),
  };
}
