import { createVerifier, WebhookVerificationError } from "@posthaste/receiver";

type Handle = (id: string, event: unknown) => Promise<void>;

export function createWebhookRoute(secret: string, handle: Handle) {
  const verifier = createVerifier({ secrets: secret });

  return async (request: Request): Promise<Response> => {
    try {
      const webhook = await verifier.verify({ headers: request.headers, body: await request.arrayBuffer() });
      await handle(webhook.id, webhook.json());
      return new Response(null, { status: 204 });
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      // Log error.code and error.message; the sender needs to know no more than this.
      return new Response("Not a valid webhook", { status: error.status });
    }
  };
}
