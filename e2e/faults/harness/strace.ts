import { type ChildProcess, spawn } from "node:child_process";
import { Skip } from "../skip.ts";
import { has } from "./loop-disk.ts";
import { until } from "./wait.ts";

const ATTACH_TIMEOUT_MS = 20_000;

/** Makes system calls of a running process, in all of its threads, fail or take long. */
export class Strace {
  readonly #child: ChildProcess;
  #said = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.on("data", (chunk: Buffer) => (this.#said += chunk.toString()));
  }

  /** `fault` as in `strace -e inject=CALLS:FAULT`; resolves once it is in force. */
  static async attach(pid: number | null, calls: string, fault: string): Promise<Strace> {
    if (!has("strace")) throw new Skip("needs strace");
    const args = ["-f", "-o", "/dev/null", "-e", `trace=${calls}`, "-e", `inject=${calls}:${fault}`];
    const child = spawn("strace", [...args, "-p", String(pid)], { stdio: ["ignore", "ignore", "pipe"] });
    const strace = new Strace(child);
    await until("strace to attach", () => strace.#said.includes("attached") || child.exitCode !== null, {
      stallMs: ATTACH_TIMEOUT_MS,
    });
    if (child.exitCode !== null) throw new Skip(`strace cannot be used here: ${strace.#said.trim()}`);
    return strace;
  }

  /** Lets the process go on without faults. */
  async detach(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    await ended;
  }
}
