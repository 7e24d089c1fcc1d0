import { type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Everything a run leaves behind unless it cleans up: processes and folders. */
const running = new Set<ChildProcess>();
const folders = new Set<string>();

export function adopt<C extends ChildProcess>(child: C): C {
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** Ends one process of ours and waits for it; SIGKILL where a polite request is not heard within five seconds. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  child.kill(signal);
  const impatience = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(impatience);
}

export function makeFolder(parent: string, name: string): string {
  const folder = mkdtempSync(join(parent, `posthaste-bench-${name}-`));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/** The last resort, for every way out of the program: nothing is waited for. */
function endEverything(): void {
  for (const child of running) child.kill("SIGKILL");
  for (const folder of folders) removeFolder(folder);
}

export function cleanUpOnExit(): void {
  process.once("exit", endEverything);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => process.exit(130));
}
