import { connect, createServer, type Socket } from "node:net";

/** What becomes of connections at the moment a COMMIT passes. */
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

const COMMIT = Buffer.from("COMMIT\0");

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
    client.on("data", (data: Buffer) => {
      if (!data.includes(COMMIT) || proxy.cut === "nothing") {
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
