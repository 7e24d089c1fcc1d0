import { spawn } from "node:child_process";
import { expect, it } from "vitest";
import { adopt, end } from "./children.ts";
import { Meter, usageIsKnown } from "./process-usage.ts";

/** Several of the kernel's ticks, and more than a test that waits uses itself. */
const SPIN_MICROS = 300_000;

it.runIf(usageIsKnown)("what a child used that has ended is counted as its parent's", async () => {
  const spin = `while (process.cpuUsage().user < ${SPIN_MICROS});`;
  const parent = `require("child_process").spawnSync(process.execPath, ["-e", ${JSON.stringify(spin)}]);
    process.stdout.write("done"); setInterval(() => {}, 1_000);`;
  const subject = adopt(spawn(process.execPath, ["-e", parent], { stdio: ["ignore", "pipe", "inherit"] }));
  const meter = new Meter({ subject: [subject.pid ?? 0], database: [], bench: [] });
  await new Promise((resolve) => subject.stdout?.once("data", resolve));
  const used = meter.read();
  await end(subject);
  expect(used.subjectMicros).toBeGreaterThanOrEqual(SPIN_MICROS / 2);
});

it.runIf(usageIsKnown)(
  "what a subject uses is counted as the subject's and not as the bench's too",
  async () => {
    const spin = `while (process.cpuUsage().user < ${SPIN_MICROS}); process.stdout.write("done"); setInterval(() => {}, 1_000);`;
    const subject = adopt(spawn(process.execPath, ["-e", spin], { stdio: ["ignore", "pipe", "inherit"] }));
    const meter = new Meter({ subject: [subject.pid ?? 0], database: [], bench: [] });
    await new Promise((resolve) => subject.stdout?.once("data", resolve));
    const used = meter.read();
    await end(subject);
    expect(used.subjectMicros).toBeGreaterThanOrEqual(SPIN_MICROS / 2);
    expect(used.benchMicros).toBeLessThan(used.subjectMicros);
  },
);
