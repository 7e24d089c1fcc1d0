import { PosthasteError } from "@posthaste/core/domain/errors";
import { REQUEST_BODY_MAX_BYTES } from "@posthaste/core/domain/limits";
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from "fastify";
import { admit, admitLater, type CountedDoor, type Knock } from "./admission.ts";
import { type Answer, COMMON_HEADERS, JSON_TYPE } from "./answer.ts";
import { Credentials } from "./auth.ts";
import type { Caller } from "./caller.ts";
import * as limits from "./http-limits.ts";
import { AnswerMemory } from "./idempotency.ts";
import { describeApi } from "./openapi.ts";
import { problemAnswer, problemText, tooLarge, toPosthasteError } from "./problem.ts";
import { NO_QUOTAS, Quotas } from "./quotas.ts";
import { serveReference } from "./reference/serve.ts";
import { servePlain } from "./plain/serve-plain.ts";
import type { Ground, Incoming, Route, Services } from "./route.ts";
import { routes } from "./routes/index.ts";
import { createMessage } from "./routes/message/create.ts";
import { WriteOrder } from "./write-order.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set once the credential was checked. */
    caller: Caller | null;
  }
}

/** The HTTP API over an engine and its store. Listening, starting and stopping is up to the caller. */
export function buildApp(ground: Ground): FastifyInstance {
  const { store, runtime } = ground;
  let description: Promise<string> | undefined;
  const credentials = new Credentials(store, {
    clock: runtime.clock,
    operatorKey: ground.operatorKey,
  });
  const services: Services = {
    ...ground,
    credentials,
    answers: new AnswerMemory(store.environments, runtime.clock),
    writes: new WriteOrder(),
    quotas: ground.quotas ?? new Quotas(NO_QUOTAS, runtime),
    describe: () => (description ??= describeApi(routes)),
  };
  const app = newFastify();
  app.server.maxConnections = limits.CONNECTIONS_MAX;
  app.decorateRequest("caller", null);
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    send(reply, problemAnswer(error, { log: runtime.log, route: request.routeOptions }));
  });
  // The handlers take the bytes: payloads must go out exactly as they came in.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) =>
    done(null, body),
  );
  for (const route of routes) serve(app, route, services);
  const createDoor = doorOf(createMessage, services);
  if (services.role !== "worker" && createDoor !== null) {
    const onExpired = (socket: ClientSocket): void => answerClientError(TIMED_OUT, socket);
    const close = servePlain(app.server, { route: createMessage, door: createDoor, services, onExpired });
    app.addHook("preClose", async () => close());
  }
  serveReference(app);
  // Apart from the routes, so that their requests do not pass its hook.
  app.register((unknown, _options, done) => {
    unknown.addHook("onRequest", (request, reply, next) => refuseUnknown(request, reply, next));
    unknown.setNotFoundHandler(() => undefined);
    done();
  });
  return app;
}

function newFastify(): FastifyInstance {
  return fastify({
    // Errors are logged where they are answered; a log line for each request would cost more than the request.
    logger: false,
    genReqId: () => "",
    bodyLimit: REQUEST_BODY_MAX_BYTES,
    requestTimeout: limits.REQUEST_TIMEOUT_MS,
    connectionTimeout: limits.CONNECTION_TIMEOUT_MS,
    keepAliveTimeout: limits.KEEP_ALIVE_TIMEOUT_MS,
    maxRequestsPerSocket: limits.REQUESTS_PER_SOCKET_MAX,
    http: {
      headersTimeout: limits.HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: limits.CONNECTIONS_CHECK_MS,
      maxHeaderSize: limits.HEADERS_MAX_BYTES,
    },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: limits.PATH_PARAMETER_MAX_CHARS },
    exposeHeadRoutes: false,
    // While it closes, what comes on open connections is still answered; the engine refuses when it cannot.
    return503OnClosing: false,
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      const refusal = toPosthasteError(error);
      send(reply, { status: refusal.status, text: problemText(refusal) });
    },
    clientErrorHandler: answerClientError,
  });
}

/** What of a socket is used here: connections themselves are Fastify's. */
interface ClientSocket {
  readonly writable: boolean;
  end(text: string): unknown;
  destroy(): unknown;
}

/** What is no HTTP request never becomes one for Fastify: it is answered on the socket. */
function answerClientError(error: Error & { code?: string }, socket: ClientSocket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const [status, detail] = CLIENT_ERRORS.get(error.code ?? "") ?? [
    "400 Bad Request",
    "This is not an HTTP request the server understands.",
  ];
  const body = problemText(new PosthasteError("bad_request", detail));
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: ${JSON_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

const TIMED_OUT = Object.assign(new Error("no request came"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });

const CLIENT_ERRORS: ReadonlyMap<string, readonly [status: string, detail: string]> = new Map([
  [
    "ERR_HTTP_REQUEST_TIMEOUT",
    ["408 Request Timeout", "The request took too long to arrive. Send it at once."],
  ],
  [
    "HPE_HEADER_OVERFLOW",
    ["431 Request Header Fields Too Large", "The headers are larger than 16 KiB. Send fewer."],
  ],
]);

/** Registers one operation. */
function serve(app: FastifyInstance, route: Route, services: Services): void {
  const { credentials } = services;
  const door = doorOf(route, services);
  const refused = door !== null && services.role === "worker";
  app.route({
    method: route.head ? ["GET", "HEAD"] : route.method,
    url: route.path,
    bodyLimit: route.bodyMaxBytes,
    onRequest(request, _reply, done) {
      if (refused) throw new PosthasteError("unavailable", ONLY_SENDS);
      refuseAtSight(request, route.bodyMaxBytes);
      if (door === null) return done();
      const knock = { door, params: request.params, services };
      const asked = credentials.callerOf(request.headers.authorization);
      if (asked instanceof Promise || asked.appId !== null) {
        return void letInLater(asked, { request, knock, done });
      }
      admit(asked, knock);
      request.caller = asked;
      done();
    },
    handler(request, reply) {
      // No promise is returned: Fastify would wrap it once more.
      route.run(incomingOf(request), services).then(
        (answer) => send(reply, answer),
        (error: unknown) => void reply.send(error),
      );
    },
  });
}

function doorOf({ scope, path, bringsMessages }: Route, { quotas }: Services): CountedDoor | null {
  if (scope === "public") return null;
  const counts = bringsMessages && quotas.limitsMessages;
  return { need: scope, inApplication: path.includes("/:app_id"), counts };
}

const ONLY_SENDS = "This node only sends. Send requests to a node with the role api or all.";

async function letInLater(
  asked: Caller | Promise<Caller>,
  { request, knock, done }: { request: FastifyRequest; knock: Knock; done: (error?: Error) => void },
): Promise<void> {
  let refusal: Error | undefined;
  try {
    request.caller = await admitLater(asked, knock);
  } catch (error) {
    refusal = error instanceof Error ? error : new Error(String(error));
  }
  done(refusal);
}

function incomingOf(request: FastifyRequest): Incoming {
  const { raw, headers } = request;
  return {
    caller: request.caller,
    method: raw.method ?? "",
    url: raw.url ?? "",
    params: request.params,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Fastify's parser makes an object of texts
    query: request.query as Incoming["query"],
    idempotencyKey: headers["idempotency-key"],
    bytes: Buffer.isBuffer(request.body) ? request.body : undefined,
  };
}

/** Before the key is looked up and before a byte of the body is read. */
function refuseAtSight(request: FastifyRequest, maxBytes: number): void {
  const { headers, raw } = request;
  // Names and values in turn. Node itself would drop those beyond its own bound without a word.
  if (raw.rawHeaders.length > 2 * limits.HEADERS_MAX) {
    throw new PosthasteError("bad_request", `There are more than ${limits.HEADERS_MAX} headers. Send fewer.`);
  }
  const length = headers["content-length"];
  if (length !== undefined && Number(length) > maxBytes) throw tooLarge(maxBytes);
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new PosthasteError("unsupported_media_type", "Send the body without Content-Encoding.");
  }
}

function send(reply: FastifyReply, { status, text, headers }: Answer): void {
  reply.code(status).headers(COMMON_HEADERS);
  if (text !== "") reply.header("content-type", JSON_TYPE);
  if (headers !== undefined) reply.headers(headers);
  void reply.send(text === "" ? undefined : text);
}

function refuseUnknown(request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void): void {
  const allowed = methodsAt(request.raw.url ?? "");
  if (allowed.length === 0) return next(new PosthasteError("not_found", "There is nothing at this path."));
  reply.header("allow", allowed.join(", "));
  next(new PosthasteError("method_not_allowed"));
}

const knownPaths = routes.map((route) => ({
  method: route.head ? "GET, HEAD" : route.method,
  form: new RegExp(`^${route.path.replaceAll(/:[a-z_]+/g, "[^/]+")}/?$`),
}));

function methodsAt(url: string): string[] {
  const path = url.split("?", 1)[0] ?? "";
  return knownPaths.filter(({ form }) => form.test(path)).map(({ method }) => method);
}
