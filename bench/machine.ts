import { closeSync, fsyncSync, openSync, readFileSync, realpathSync, writeSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { makeFolder, removeFolder } from "./children.ts";
import { median } from "./median.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly os: string;
  readonly node: string;
  readonly redis: string | null;
  readonly fileSystem: string;
  /** A 4 KiB append and its fsync where the data is kept. */
  readonly fsyncMicros: number;
  /** Before the run: above 0.5 something else is using the machine. */
  readonly loadAverage: number;
}

const FSYNCS = 200;

export function describeMachine(dataDir: string, redis: string | undefined): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    // What this process may use, which a container or taskset can make less than the machine has.
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${type()} ${release().split(".").slice(0, 2).join(".")}`,
    node: process.version,
    redis: redis ?? null,
    fileSystem: fileSystemOf(dataDir),
    fsyncMicros: Math.round(fsyncMicros(dataDir)),
    loadAverage: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

export function machineLine(machine: Machine): string {
  const { cpu, cores, memoryGiB, os, node, redis, fileSystem, fsyncMicros: fsync, loadAverage } = machine;
  const parts = [`${cpu}, ${cores} cores, ${memoryGiB} GiB`, os, `Node ${node}`, redis ?? "no Redis"];
  return [...parts, `data on ${fileSystem}, fsync ${fsync} µs`, `load ${loadAverage} before the run`].join(
    "; ",
  );
}

function fsyncMicros(dataDir: string): number {
  const folder = makeFolder(dataDir, "fsync");
  const file = openSync(join(folder, "file"), "w");
  const block = Buffer.alloc(4_096, 1);
  const times: number[] = [];
  for (let count = 0; count < FSYNCS; count += 1) {
    const start = performance.now();
    writeSync(file, block);
    fsyncSync(file);
    times.push((performance.now() - start) * 1000);
  }
  closeSync(file);
  removeFolder(folder);
  return median(times);
}

/** The type of the mount that holds a folder; unknown where the system has no /proc. */
function fileSystemOf(folder: string): string {
  try {
    const real = `${realpathSync(folder)}/`;
    let best = { point: "", fileSystem: "unknown" };
    for (const line of readFileSync("/proc/mounts", "utf8").split("\n")) {
      const [, point = "", fileSystem = ""] = line.split(" ");
      const inside = real.startsWith(point.endsWith("/") ? point : `${point}/`);
      if (point !== "" && inside && point.length >= best.point.length) best = { point, fileSystem };
    }
    return best.fileSystem;
  } catch {
    return "an unknown file system";
  }
}
