import { createSigner } from "@posthaste/receiver/node";

export function createSignedHeaders(secret: string) {
  const signer = createSigner([secret]);

  return (id: string, timestamp: number, body: Uint8Array) => ({
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signer.sign(id, timestamp, body),
  });
}
