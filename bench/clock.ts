/**
 * One clock for all processes of a run: microseconds of the machine's monotonic clock. Wall clocks are not
 * used because each process fixes its own origin at start and a correction in between would show as latency.
 */
const offsetMicros = calibrate();

export function nowMicros(): number {
  return offsetMicros + Math.round(performance.now() * 1000);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** The first calls are slow, and time passes between the two clocks: the closest of many readings is right. */
function calibrate(): number {
  let closest = Number.POSITIVE_INFINITY;
  let offset = 0;
  for (let tries = 0; tries < 100; tries += 1) {
    const before = process.hrtime.bigint();
    const now = performance.now();
    const apart = Number(process.hrtime.bigint() - before);
    if (apart >= closest) continue;
    closest = apart;
    offset = Math.round((Number(before) + apart / 2) / 1000) - Math.round(now * 1000);
  }
  return offset;
}
