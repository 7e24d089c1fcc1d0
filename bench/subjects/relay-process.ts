/**
 * The ceiling: takes an event, sends it on, answers 202. Nothing is stored and nothing is tried again; what a
 * crash takes is gone. Answering before the delivery was measured too: a quarter slower, because deliveries
 * then pile up in memory, so the faster of the two is what others are compared with.
 */
import { answerCommands } from "../commands.ts";
import { serveApi } from "./api.ts";
import { sendWebhook } from "./webhook.ts";

export type RelayCommands = {
  serve: { input: { apiKey: string; endpointUrls: readonly string[] }; output: number };
};

answerCommands<RelayCommands>({
  serve: ({ apiKey, endpointUrls }) =>
    serveApi({
      apiKey,
      endpointUrls,
      accept: (message, endpoints) => {
        const body = JSON.stringify(message.payload);
        return Promise.all(
          endpoints.map(({ url, secret }) =>
            sendWebhook({ id: message.id, url, secret: Buffer.from(secret, "base64"), body }),
          ),
        );
      },
    }),
});
