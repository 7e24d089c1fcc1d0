import { createServer, type Server, type Socket } from "node:net";

/** A receiver that is only a TCP listener: the test writes every byte of its replies. */
export interface RawServer {
  readonly port: number;
  readonly url: string;
  /** Connections accepted so far. */
  readonly connections: () => number;
  /** Everything received so far, all connections together. */
  readonly received: () => string;
  /** Complete POSTs received so far. */
  readonly posts: () => number;
  /** Sockets that are open now. */
  readonly open: () => number;
  close(): Promise<void>;
}

export interface RawRequest {
  readonly socket: Socket;
  /** The head as text. */
  readonly head: string;
  readonly body: Buffer;
  /** 1 for the first request of the server, and so on. */
  readonly count: number;
}

export interface RawServerOptions {
  /** Called for each complete request. */
  readonly onRequest?: (request: RawRequest) => void;
  /** Called for each connection, before any byte. */
  readonly onConnection?: (socket: Socket) => void;
  readonly host?: string;
  readonly port?: number;
}

export async function rawServer(options: RawServerOptions = {}): Promise<RawServer> {
  const { host = "127.0.0.1", port = 0 } = options;
  const sockets = new Set<Socket>();
  let connections = 0;
  let received = Buffer.alloc(0);
  let posts = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    connections++;
    sockets.add(socket);
    let pending = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (chunk: string | Buffer) => {
      if (typeof chunk === "string") return;
      received = Buffer.concat([received, chunk]);
      pending = Buffer.concat([pending, chunk]);
      for (;;) {
        const end = pending.indexOf("\r\n\r\n");
        if (end < 0) return;
        const head = pending.subarray(0, end).toString("latin1");
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        if (pending.length < end + 4 + length) return;
        const body = pending.subarray(end + 4, end + 4 + length);
        pending = pending.subarray(end + 4 + length);
        posts++;
        options.onRequest?.({ socket, head, body, count: posts });
      }
    });
    options.onConnection?.(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const bound = portOf(server);
  return {
    port: bound,
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}/hook`,
    connections: () => connections,
    received: () => received.toString("latin1"),
    posts: () => posts,
    open: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** A whole reply with a length. */
export function reply(status = "200 OK", body = "ok", headers: readonly string[] = []): string {
  const lines = [`HTTP/1.1 ${status}`, ...headers, `content-length: ${Buffer.byteLength(body)}`];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** The port a TCP or TLS server got. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  return address.port;
}
