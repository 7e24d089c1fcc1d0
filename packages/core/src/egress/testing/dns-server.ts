import { createSocket } from "node:dgram";
import { ipBytes } from "../ip-bytes.ts";

/** What a name server says to one question. */
export type DnsAnswer =
  | { readonly records: readonly DnsRecord[]; readonly rcode?: number }
  /** No reply at all. */
  | "silence";

export type DnsRecord =
  | { readonly type: "A" | "AAAA"; readonly address: string; readonly name?: string }
  | { readonly type: "CNAME"; readonly target: string; readonly name?: string };

export interface DnsQuestion {
  /** Lower case, without the last dot. */
  readonly name: string;
  readonly type: "A" | "AAAA" | "other";
  /** 1 for the first question with this name and type, and so on. */
  readonly count: number;
}

export interface DnsServer {
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly questions: readonly DnsQuestion[];
  close(): Promise<void>;
}

const TYPES = { A: 1, CNAME: 5, AAAA: 28 } as const;

/** A scripted name server on loopback. Every record has a time to live of 0, as an attacker's would. */
export async function dnsServer(
  answer: (question: DnsQuestion) => DnsAnswer | Promise<DnsAnswer>,
): Promise<DnsServer> {
  const questions: DnsQuestion[] = [];
  const counts = new Map<string, number>();
  let closed = false;
  const socket = createSocket("udp4", (packet, peer) => {
    const { name, code, end } = readQuestion(packet);
    const type = code === TYPES.A ? "A" : code === TYPES.AAAA ? "AAAA" : "other";
    const count = (counts.get(`${name} ${type}`) ?? 0) + 1;
    counts.set(`${name} ${type}`, count);
    const question = { name, type, count } as const;
    questions.push(question);
    void respond(packet, end, name, answer(question), peer);
  });
  const respond = async (
    packet: Buffer,
    end: number,
    name: string,
    answering: DnsAnswer | Promise<DnsAnswer>,
    peer: { port: number; address: string },
  ): Promise<void> => {
    const said = await answering;
    if (said === "silence" || closed) return;
    const header = Buffer.alloc(12);
    packet.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | (said.rcode ?? 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(said.records.length, 6);
    const records = said.records.map((record) => encodeRecord(record.name ?? name, record));
    socket.send(Buffer.concat([header, packet.subarray(12, end), ...records]), peer.port, peer.address);
  };
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    close: () => {
      closed = true;
      return new Promise((resolve) => socket.close(() => resolve()));
    },
  };
}

function readQuestion(packet: Buffer): { name: string; code: number; end: number } {
  const labels: string[] = [];
  let offset = 12;
  for (let length = packet[offset]!; length > 0; length = packet[offset]!) {
    labels.push(packet.toString("latin1", offset + 1, offset + 1 + length));
    offset += length + 1;
  }
  return { name: labels.join(".").toLowerCase(), code: packet.readUInt16BE(offset + 1), end: offset + 5 };
}

function encodeRecord(name: string, record: DnsRecord): Buffer {
  const data = record.type === "CNAME" ? encodeName(record.target) : Buffer.from(ipBytes(record.address)!);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPES[record.type], 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(0, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(name), fixed, data]);
}

function encodeName(name: string): Buffer {
  const labels = name
    .split(".")
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}
