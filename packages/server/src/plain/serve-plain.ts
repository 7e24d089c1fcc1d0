import type { Server, Socket } from "node:net";
import type { Answer } from "../answer.ts";
import { admit, admitLater, type CountedDoor } from "../admission.ts";
import type { Caller } from "../caller.ts";
import { CONNECTIONS_CHECK_MS } from "../http-limits.ts";
import { problemAnswer } from "../problem.ts";
import type { Route, Services } from "../route.ts";
import { PlainAnswers } from "./plain-answer.ts";
import { PlainConnection, type PlainHost } from "./plain-connection.ts";
import type { PlainRequest } from "./plain-request.ts";

interface Serving {
  readonly route: Route;
  readonly door: CountedDoor;
  readonly services: Services;
  /** Of a client that connected and sent nothing. */
  readonly onExpired: (socket: Socket) => void;
}

/**
 * Reads the one request that decides how fast a server is, a message in one piece, past the framework (ADR 12). What it
 * answers is what the framework would: the same route behind the same checks. From its first other request on a
 * connection is Node's.
 *
 * Returns what closes the connections that are its own, each with the answer that is under way.
 */
export function servePlain(server: Server, options: Serving): () => void {
  // What http.Server does with a new connection. It may be handed one at any time: see its event "connection".
  const [takeOver] = server.listeners("connection");
  if (takeOver === undefined) throw new Error("an HTTP server that takes no connections");
  server.removeAllListeners("connection");
  const connections = new Set<PlainConnection>();
  const { clock, timers } = options.services.runtime;
  const answers = new PlainAnswers(clock);
  const host: PlainHost = {
    answer: (request, done) => serveOne(request, options, done),
    print: (answer, how) => answers.print(answer, how),
    takeOver: (socket) => takeOver.call(server, socket),
    expired: options.onExpired,
    left: (connection) => void connections.delete(connection),
  };
  const closing = new AbortController();
  const { signal } = closing;
  server.on("connection", (socket: Socket) => {
    if (signal.aborted) host.takeOver(socket);
    else connections.add(new PlainConnection(socket, host));
  });
  const lookAfter = async (): Promise<void> => {
    while (!signal.aborted) {
      await timers.sleep(CONNECTIONS_CHECK_MS, signal);
      for (const connection of connections) connection.look();
    }
  };
  server.once("listening", () => void lookAfter());
  return () => {
    closing.abort();
    for (const connection of connections) connection.close();
  };
}

function serveOne(
  { url, appRef, query, authorization, idempotencyKey, body }: PlainRequest,
  { route, door, services }: Serving,
  done: (answer: Answer) => void,
): void {
  const params = { app_id: appRef };
  const knock = { door, params, services };
  const refuse = (error: unknown): void => {
    const { method, path, bodyMaxBytes: bodyLimit } = route;
    done(problemAnswer(error, { log: services.runtime.log, route: { method, url: path, bodyLimit } }));
  };
  const run = (caller: Caller): void => {
    const incoming = { caller, method: route.method, url, params, query, idempotencyKey, bytes: body };
    try {
      // oxlint-disable-next-line promise/no-callback-in-promise -- it does not throw, and a promise more costs as much as it
      route.run(incoming, services).then(done, refuse);
    } catch (error) {
      refuse(error);
    }
  };
  try {
    const asked = services.credentials.callerOf(authorization);
    if (asked instanceof Promise || asked.appId !== null) {
      admitLater(asked, knock).then(run, refuse);
      return;
    }
    admit(asked, knock);
    run(asked);
  } catch (error) {
    refuse(error);
  }
}
