import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "./wait.ts";
import { Skip } from "../skip.ts";

/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: the file system stops as if the power had gone. */
const SHUTDOWN = { request: 0x8004587d, flags: 2 };
const CUT_SCRIPTS: Readonly<Record<string, readonly string[]>> = {
  python3: [
    "-c",
    `import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(fd, ${SHUTDOWN.request}, struct.pack("I", ${SHUTDOWN.flags}))`,
  ],
  perl: [
    "-e",
    `opendir(my $d, $ARGV[0]) or die "$!"; my $f = pack("L", ${SHUTDOWN.flags});
open(my $h, "<", $ARGV[0]) or die "$!"; ioctl($h, ${SHUTDOWN.request}, $f) or die "$!";`,
  ],
};

const UNMOUNT_TRIES_MAX = 100;
const UNMOUNT_PAUSE_MS = 50;

const mounted = new Set<LoopDisk>();
process.on("exit", () => {
  for (const disk of mounted) disk.remove();
});

/** A disk of its own: an ext4 file system in a file. Its power can be cut; it can be full. */
export class LoopDisk {
  /** Where it is mounted. */
  readonly path: string;
  readonly #image: string;
  readonly #scripter: string;

  private constructor(folder: string, scripter: string) {
    this.path = join(folder, "disk");
    this.#image = join(folder, "disk.img");
    this.#scripter = scripter;
  }

  /** Makes and mounts one. Skips the test where this machine cannot. */
  static create(folder: string, sizeMib: number): LoopDisk {
    if (process.getuid?.() !== 0) throw new Skip("needs root, to mount a disk of its own");
    for (const tool of ["losetup", "mkfs.ext4", "mount", "umount"]) {
      if (!has(tool)) throw new Skip(`needs ${tool}`);
    }
    const scripter = Object.keys(CUT_SCRIPTS).find(has);
    if (scripter === undefined) throw new Skip("needs python3 or perl, to cut the disk's power");
    const disk = new LoopDisk(folder, scripter);
    mkdirSync(disk.path);
    writeFileSync(disk.#image, "");
    truncateSync(disk.#image, sizeMib * 1_048_576);
    run("mkfs.ext4", ["-q", "-F", "-m", "0", disk.#image]);
    try {
      disk.mount();
    } catch (error) {
      throw new Skip(`no loop device can be mounted here: ${String(error)}`);
    }
    return disk;
  }

  mount(): void {
    run("mount", ["-o", "loop", this.#image, this.path]);
    mounted.add(this);
  }

  /** Writes everything back, so that a cut finds only what came after. */
  sync(): void {
    run("sync", ["-f", this.path]);
  }

  /** From now on nothing reaches the disk: what was not synced is gone once it is mounted again. */
  cut(): void {
    try {
      run(this.#scripter, [...(CUT_SCRIPTS[this.#scripter] ?? []), this.path]);
    } catch (error) {
      throw new Skip(`this kernel does not cut the power of a mounted ext4: ${String(error)}`);
    }
  }

  /** The last of the killed processes may hold it for a moment. */
  async unmount(): Promise<void> {
    for (let tries = 0; spawnSync("umount", [this.path]).status !== 0; tries++) {
      if (tries === UNMOUNT_TRIES_MAX) throw new Error("the disk is still in use");
      await sleep(UNMOUNT_PAUSE_MS);
    }
    mounted.delete(this);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** The loop device goes with the mount. Never throws: it also runs when the harness ends. */
  remove(): void {
    if (mounted.delete(this) && spawnSync("umount", [this.path]).status !== 0) {
      spawnSync("umount", ["-l", this.path]);
    }
    rmSync(this.#image, { force: true });
    rmSync(this.path, { recursive: true, force: true });
  }
}

export function has(tool: string): boolean {
  return spawnSync("which", [tool]).status === 0;
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args);
  if (status !== 0) throw new Error(`${command} failed: ${String(stderr).trim()}`);
}
