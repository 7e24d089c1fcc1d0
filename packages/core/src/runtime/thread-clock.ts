/**
 * For threads that run other people's code: the same input has to give the same output, today and on a retry
 * tomorrow. From the first call on, this thread's wall clock stands where it was set, and local time is UTC.
 */
export function setThreadTime(timeMs: number): void {
  // oxlint-disable-next-line no-extend-native -- the interpreter asks Date; the thread runs nothing else
  Date.now = () => timeMs;
}

const LOCAL = ["Date", "Day", "FullYear", "Hours", "Milliseconds", "Minutes", "Month", "Seconds"] as const;

/** Local time of this thread is UTC from now on. */
export function useUtc(): void {
  const { prototype } = Date;
  for (const part of LOCAL) {
    Object.defineProperty(prototype, `get${part}`, { value: prototype[`getUTC${part}`] });
  }
  Object.defineProperty(prototype, "getTimezoneOffset", { value: () => 0 });
}

/** Processor time of this thread in milliseconds: what a run costs does not depend on who else is running. */
export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
