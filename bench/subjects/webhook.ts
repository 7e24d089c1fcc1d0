/** What both comparisons send: a signed POST as Standard Webhooks describes it, over undici, as undici's guide has it. */
import { createHmac } from "node:crypto";
import { Agent, request } from "undici";

/** The default of undici opens a new connection whenever all are busy, without end; anyone bounds that. */
const CONNECTIONS_PER_ORIGIN = 64;
const TIMEOUT_MS = 30_000;

const agent = new Agent({
  connections: CONNECTIONS_PER_ORIGIN,
  keepAliveTimeout: 30_000,
  headersTimeout: TIMEOUT_MS,
  bodyTimeout: TIMEOUT_MS,
});

export interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly secret: Buffer;
  readonly body: string;
}

/** Rejects unless the receiver answers 2xx. */
export async function sendWebhook(webhook: Webhook): Promise<void> {
  const timestamp = Math.floor(Date.now() / 1000);
  const signature = createHmac("sha256", webhook.secret)
    .update(`${webhook.id}.${timestamp}.${webhook.body}`)
    .digest("base64");
  const response = await request(webhook.url, {
    method: "POST",
    dispatcher: agent,
    headers: {
      "content-type": "application/json",
      "user-agent": "bench/1",
      "webhook-id": webhook.id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": `v1,${signature}`,
    },
    body: webhook.body,
  });
  await response.body.dump();
  if (response.statusCode >= 300) throw new Error(`HTTP ${response.statusCode}`);
}
