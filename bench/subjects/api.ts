/** The API both comparisons put in front: Fastify with the same routes, key check and answer as ours. */
import { randomUUID } from "node:crypto";
import { fastify, type FastifyInstance } from "fastify";
import { appUid } from "./subject.ts";

export interface Message {
  readonly id: string;
  readonly eventType: string;
  readonly payload: unknown;
}

export interface Endpoint {
  readonly url: string;
  readonly secret: string;
}

interface MessageIn {
  readonly eventType: string;
  readonly payload: unknown;
}

/** `accept` is awaited before the answer, so it decides what a 202 promises. */
export async function serveApi(options: {
  readonly apiKey: string;
  readonly endpointUrls: readonly string[];
  readonly accept: (message: Message, endpoints: readonly Endpoint[]) => Promise<unknown>;
}): Promise<number> {
  const endpointsOf = new Map(
    options.endpointUrls.map((url, app) => [appUid(app), [{ url, secret: endpointSecret(app) }]]),
  );
  const server: FastifyInstance = fastify({ logger: false, bodyLimit: 1_048_576 });
  server.addHook("onRequest", async (request, reply) => {
    if (request.headers.authorization !== `Bearer ${options.apiKey}`) {
      return reply.code(401).send({ code: "authentication_failed", detail: "Invalid key" });
    }
    return undefined;
  });
  server.post<{ Params: { app: string }; Body: MessageIn }>(
    "/api/v1/app/:app/msg",
    async (request, reply) => {
      const endpoints = endpointsOf.get(request.params.app);
      if (endpoints === undefined) return reply.code(404).send({ code: "not_found", detail: "No such app" });
      const { eventType, payload } = request.body;
      if (typeof eventType !== "string" || typeof payload !== "object") {
        return reply.code(422).send({ code: "invalid", detail: "eventType and payload are needed" });
      }
      const message = { id: `msg_${randomUUID()}`, eventType, payload };
      const accepted = options.accept(message, endpoints);
      if (accepted !== undefined) await accepted;
      return reply.code(202).send({ id: message.id, eventType, timestamp: new Date().toISOString() });
    },
  );
  await server.listen({ host: "127.0.0.1", port: 0 });
  const [address] = server.addresses();
  if (typeof address !== "object") throw new Error("the API listens on no port");
  return address.port;
}

function endpointSecret(app: number): string {
  return Buffer.from(`secret of endpoint ${appUid(app)}`.padEnd(32, ".")).toString("base64");
}
