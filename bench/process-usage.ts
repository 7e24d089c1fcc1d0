import { readFileSync, readdirSync } from "node:fs";

/** Linux counts in hundredths of a second here, whatever the kernel's own tick is. */
const TICK_MICROS = 10_000;

export const usageIsKnown = process.platform === "linux";

/** User and system time so far of these processes and their children, all threads, in microseconds. */
export function cpuMicros(roots: readonly number[]): number {
  let ticks = 0;
  for (const pid of tree(roots)) {
    const stat = read(`/proc/${pid}/stat`);
    // The name, in parentheses, may hold spaces: count from behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return ticks * TICK_MICROS;
}

/** The most memory each process ever held, added up, in bytes. */
export function peakRssBytes(roots: readonly number[]): number {
  let kib = 0;
  for (const pid of tree(roots)) {
    kib += Number(/^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
  }
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
