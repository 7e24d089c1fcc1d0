import { readFileSync, readdirSync } from "node:fs";
import { cpus } from "node:os";
import { nowMicros } from "./clock.ts";

/** Linux counts in hundredths of a second here, whatever the kernel's own tick is. */
const TICK_MICROS = 10_000;

export const usageIsKnown = process.platform === "linux";

/** The processes of each party; their children count with them. */
interface Parties {
  readonly subject: readonly number[];
  readonly database: readonly number[];
  readonly bench: readonly number[];
}

/** What was used between its making and its reading. */
export class Meter {
  readonly #parties: Parties;
  readonly #before: Reading;

  constructor(parties: Parties) {
    this.#parties = parties;
    this.#before = this.#reading();
  }

  read(): {
    readonly subjectMicros: number;
    readonly databaseMicros: number;
    readonly benchMicros: number;
    readonly othersShare: number;
  } {
    const now = this.#reading();
    const subjectMicros = now.subject - this.#before.subject;
    const databaseMicros = now.database - this.#before.database;
    const benchMicros = now.bench - this.#before.bench;
    const others = now.machine - this.#before.machine - subjectMicros - databaseMicros - benchMicros;
    const possible = (now.at - this.#before.at) * cpus().length;
    return { subjectMicros, databaseMicros, benchMicros, othersShare: Math.max(0, others / possible) };
  }

  #reading(): Reading {
    const { subject, database, bench } = this.#parties;
    return {
      at: nowMicros(),
      subject: cpuMicros(subject),
      database: cpuMicros(database),
      // The bench itself is the parent of them all: only its own process counts.
      bench: cpuMicros(bench) + ownCpuMicros(process.pid),
      machine: machineCpuMicros(),
    };
  }
}

interface Reading {
  readonly at: number;
  readonly subject: number;
  readonly database: number;
  readonly bench: number;
  readonly machine: number;
}

/**
 * User and system time so far of these processes and their children, all threads, in microseconds. Also of children that
 * have ended and been waited for, as a database's do all the time.
 */
export function cpuMicros(roots: readonly number[]): number {
  return tree(roots).reduce((sum, pid) => sum + timesOf(pid).reduce((a, b) => a + b) * TICK_MICROS, 0);
}

function ownCpuMicros(pid: number): number {
  const [user, system] = timesOf(pid);
  return (user + system) * TICK_MICROS;
}

type Times = [user: number, system: number, childrenUser: number, childrenSystem: number];

/** In ticks; the children's are those of the ones that were waited for. */
function timesOf(pid: number): Times {
  const stat = read(`/proc/${pid}/stat`);
  // The name, in parentheses, may hold spaces: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15).map(Number);
  return [user, system, childrenUser, childrenSystem];
}

/** Time so far that the machine, or the part of it a hypervisor gave us, worked for anyone, in microseconds. */
function machineCpuMicros(): number {
  const all = /^cpu +(.*)$/m.exec(read("/proc/stat"))?.[1] ?? "";
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = all.split(" ").map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_MICROS;
}

/** The most memory each process ever held, added up, in bytes. */
export function peakRssBytes(roots: readonly number[]): number {
  return memoryBytes(roots, /^VmHWM:\s+(\d+) kB$/m);
}

/** The memory the processes hold now. */
export function rssBytes(roots: readonly number[]): number {
  return memoryBytes(roots, /^VmRSS:\s+(\d+) kB$/m);
}

function memoryBytes(roots: readonly number[], field: RegExp): number {
  let kib = 0;
  for (const pid of tree(roots)) kib += Number(field.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
  return kib * 1024;
}

function tree(roots: readonly number[]): number[] {
  const found: number[] = [];
  const open = [...roots];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    found.push(pid);
    for (const task of list(`/proc/${pid}/task`)) {
      open.push(...read(`/proc/${pid}/task/${task}/children`).split(" ").filter(Boolean).map(Number));
    }
  }
  return found;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
