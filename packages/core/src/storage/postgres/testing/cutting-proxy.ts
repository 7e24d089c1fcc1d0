import { connect, createServer, type Socket } from "node:net";

/** What becomes of connections at the moment a COMMIT passes, or a statement that is a commit by itself. */
export type Cut =
  | "nothing"
  /** It never reaches the server. */
  | "before"
  /** The server gets it, its answer is lost. */
  | "after"
  /** The same, and nobody gets a connection any more. */
  | "after, for good";

/** Stands between a store and its server. */
export interface CuttingProxy {
  readonly url: string;
  cut: Cut;
  close(): Promise<void>;
}

const BEGIN = Buffer.from("BEGIN ");
const COMMIT = Buffer.from("COMMIT\0");
/** By their names: outside of a transaction each is one by itself. */
const AT_ONCE = ["message.accept", "due.end", "due.end_again"].map((name) => Buffer.from(`${name}\0`));

export async function startCuttingProxy(url: string): Promise<CuttingProxy> {
  const { port, hostname } = new URL(url);
  const sockets = new Set<Socket>();
  const proxy = { url: "", cut: "nothing" as Cut, close };
  const server = createServer((client) => {
    if (proxy.cut === "after, for good") {
      client.destroy();
      return;
    }
    const upstream = connect(Number(port), hostname);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", end).on("close", () => sockets.delete(socket));
    }
    client.on("close", () => upstream.end());
    upstream.on("close", () => client.destroy());
    upstream.on("data", (data) => client.writable && client.write(data));
    let isBegun = false;
    client.on("data", (data: Buffer) => {
      isBegun ||= data.includes(BEGIN);
      const commits = isBegun ? data.includes(COMMIT) : AT_ONCE.some((name) => data.includes(name));
      if (commits) isBegun = false;
      if (!commits || proxy.cut === "nothing") {
        upstream.write(data);
      } else if (proxy.cut === "before") {
        end();
      } else {
        if (proxy.cut === "after") proxy.cut = "nothing";
        // Its answer is not read any more.
        client.destroy();
        upstream.removeAllListeners("close").end(data);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const own = new URL(url);
  own.port = String(typeof address === "object" && address !== null ? address.port : 0);
  proxy.url = own.href;
  return proxy;

  async function close(): Promise<void> {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}
