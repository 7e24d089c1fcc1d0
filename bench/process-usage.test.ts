import { spawn } from "node:child_process";
import { expect, it } from "vitest";
import { adopt, end } from "./children.ts";
import { Meter, usageIsKnown } from "./process-usage.ts";

it.runIf(usageIsKnown)(
  "what a subject uses is counted as the subject's and not as the bench's too",
  async () => {
    const spin =
      "const until = Date.now() + 400; while (Date.now() < until); process.stdout.write('done'); setInterval(() => {}, 1000);";
    const subject = adopt(spawn(process.execPath, ["-e", spin], { stdio: ["ignore", "pipe", "inherit"] }));
    const meter = new Meter([subject.pid ?? 0], []);
    await new Promise((resolve) => subject.stdout?.once("data", resolve));
    const used = meter.read();
    await end(subject);
    expect(used.subjectMicros).toBeGreaterThan(50_000);
    expect(used.benchMicros).toBeLessThan(used.subjectMicros);
  },
);
