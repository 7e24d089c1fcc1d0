import { connect, createServer, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import type { Answer } from "../answer.ts";
import { CONNECTIONS_CHECK_MS, HEADERS_TIMEOUT_MS, REQUESTS_PER_SOCKET_MAX } from "../http-limits.ts";
import { PlainConnection, type PlainHost } from "./plain-connection.ts";
import type { PlainRequest } from "./plain-request.ts";

const PLAIN =
  "POST /api/v1/app/a/msg HTTP/1.1\r\nhost: x\r\nauthorization: k\r\ncontent-type: application/json\r\n" +
  "content-length: 2\r\n\r\n{}";
const ANSWER: Answer = { status: 202, text: "{}" };

const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

interface Played {
  readonly client: Socket;
  readonly connection: PlainConnection;
  /** Answers that are waited for. */
  readonly waiting: ((answer: Answer) => void)[];
  readonly left: PlainConnection[];
  readonly takenOver: Socket[];
  /** What is read of the connection once it is given away. */
  readonly read: () => string;
}

/** A client's connection to a host that answers when it is told to. */
async function played(answer?: PlainHost["answer"]): Promise<Played> {
  const waiting: Played["waiting"] = [];
  const left: PlainConnection[] = [];
  const takenOver: Socket[] = [];
  let taken = "";
  const host: PlainHost = {
    answer: answer ?? ((_request: PlainRequest, done) => void waiting.push(done)),
    print: ({ text }, { closes }) => `${closes ? "last" : "kept"} ${text}\n`,
    takeOver(socket) {
      takenOver.push(socket);
      socket.on("data", (chunk: Buffer) => (taken += chunk.toString()));
    },
    expired: (socket) => void socket.end(),
    left: (connection) => void left.push(connection),
  };
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const { port } = server.address() as { port: number };
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  client.on("error", () => undefined);
  endings.push(() => {
    client.destroy();
    server.close();
  });
  const connection = new PlainConnection(await accepted, host);
  return { client, connection, waiting, left, takenOver, read: () => taken };
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
};

function received(client: Socket): () => string {
  let text = "";
  client.on("data", (chunk) => (text += chunk.toString()));
  return () => text;
}

it("that is closed while it answers gives its answer, as its last", async () => {
  const { client, connection, waiting, left } = await played();
  const text = received(client);
  // The second is not begun.
  client.write(PLAIN);
  await until(() => waiting.length === 1);
  client.write(PLAIN);
  connection.close();
  waiting[0]!(ANSWER);
  await until(() => left.length === 1);
  expect(text()).toBe("last {}\n");
  expect(waiting).toHaveLength(1);
});

it("that is closed while it waits says nothing", async () => {
  const { client, connection, left } = await played();
  const text = received(client);
  connection.close();
  await until(() => left.length === 1);
  expect(text()).toBe("");
});

it("reads the next request only when the one before is answered", async () => {
  const { client, waiting } = await played();
  const text = received(client);
  client.write(PLAIN);
  await until(() => waiting.length === 1);
  client.write(PLAIN);
  for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve));
  expect(waiting).toHaveLength(1);
  waiting[0]!(ANSWER);
  await until(() => waiting.length === 2);
  waiting[1]!(ANSWER);
  await until(() => text() === "kept {}\nkept {}\n");
});

it("gives away what is not plain, every byte of it and what comes after, and is left", async () => {
  const { client, waiting, left, takenOver, read } = await played();
  client.write(PLAIN);
  await until(() => waiting.length === 1);
  waiting[0]!(ANSWER);
  const strange = `GET / HTTP/1.1\r\n\r\n${PLAIN}`;
  await new Promise<void>((resolve) => client.once("data", () => resolve()));
  client.write(strange);
  await until(() => takenOver.length === 1);
  client.write("more");
  await until(() => read().length >= strange.length + 4);
  expect(read()).toBe(`${strange}more`);
  expect(left).toHaveLength(1);
  expect(waiting).toHaveLength(1);
  const [socket] = takenOver;
  for (const event of ["end", "error", "timeout"])
    expect(socket!.listeners(event).length, event).toBeLessThan(2);
});

it("may be answered at once", async () => {
  const { client } = await played((_request, done) => {
    done(ANSWER);
  });
  const text = received(client);
  client.write(PLAIN);
  await until(() => text() === "kept {}\n");
  client.write(PLAIN);
  await until(() => text() === "kept {}\nkept {}\n");
});

it("is renewed after so many requests", async () => {
  let count = 0;
  const { client, left } = await played((_request, done) => {
    count += 1;
    done(ANSWER);
  });
  let last = "";
  client.on("data", (chunk) => {
    last = chunk.toString();
    if (last.startsWith("kept")) client.write(PLAIN);
  });
  client.write(PLAIN);
  await until(() => left.length === 1);
  expect(count).toBe(REQUESTS_PER_SOCKET_MAX);
  await until(() => last === "last {}\n");
});

it("does nothing more once its client was told that it took too long", async () => {
  const { client, connection, waiting } = await played();
  for (let look = 0; look < HEADERS_TIMEOUT_MS / CONNECTIONS_CHECK_MS + 1; look++) connection.look();
  client.resume();
  await until(() => client.readableEnded);
  client.write(PLAIN);
  for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve));
  expect(waiting).toHaveLength(0);
});

it("whose client does not read its last answer is closed all the same", async () => {
  const { client, connection, waiting, left } = await played();
  client.pause();
  client.write(PLAIN);
  await until(() => waiting.length === 1);
  connection.close();
  // More than both ends keep for a client.
  waiting[0]!({ status: 202, text: "x".repeat(32 * 1_048_576) });
  await until(() => left.length === 1);
});
