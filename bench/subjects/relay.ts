import { end } from "../children.ts";
import { Helper } from "../commands.ts";
import type { RelayCommands } from "./relay-process.ts";
import type { Subject, SubjectOptions } from "./subject.ts";

const API_KEY = "relay_key_of_the_bench";

export async function startRelay({ endpointUrls }: SubjectOptions): Promise<Subject> {
  const relay = new Helper<RelayCommands>(new URL("./relay-process.ts", import.meta.url));
  const port = await relay.ask("serve", { apiKey: API_KEY, endpointUrls });
  return {
    ports: [port],
    apiKey: API_KEY,
    pids: () => [relay.process.pid ?? 0],
    // It records nothing; a failed delivery was answered 500 and counted as refused.
    checkRecorded: async () => undefined,
    stop: () => end(relay.process),
  };
}
