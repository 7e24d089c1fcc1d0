import { toPollingConsumer, toPollingEndpoint, toPollingEndpointRow } from "../rows/polling.ts";
import type { PollingStore } from "../../port-polling.ts";
import { toMessage } from "../rows/message.ts";
import type { Threads } from "./deliveries.ts";

export function pollingStore({ writer, reader }: Threads): PollingStore {
  return {
    async insert(endpoint, { idempotency: answer }) {
      const existing = await writer.call("insertPollingEndpoint", {
        row: toPollingEndpointRow(endpoint),
        answer,
      });
      return existing === null
        ? { kind: "inserted" }
        : { kind: "conflict", existing: toPollingEndpoint(existing) };
    },
    listAll: async (appId) => (await reader.call("listPollingEndpoints", appId)).map(toPollingEndpoint),
    delete: (query) => writer.call("deletePollingEndpoint", query),
    sequence: (request) => writer.call("sequencePolled", request),
    async read(query) {
      const rows = await reader.call("readPolled", query);
      return rows.map(([position, row]) => ({ position, message: row === null ? null : toMessage(row) }));
    },
    findPosition: (query) => reader.call("findPolledPosition", query),
    async findConsumer(query) {
      const row = await reader.call("findPollingConsumer", query);
      return row === null ? null : toPollingConsumer(row);
    },
    saveConsumer: (consumer) => writer.call("savePollingConsumer", consumer),
    prune: (request) => writer.call("prunePolled", request),
  };
}
