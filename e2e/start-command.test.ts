import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runPosthaste } from "./testing/server-process.ts";

let folder = "";
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "posthaste-start-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = runPosthaste(args, { ...process.env, ...env });
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => void (stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => void (stderr += chunk.toString()));
  const [code] = (await once(child, "close")) as [number];
  return { code, stdout, stderr };
}

test.each([
  [["--port", "80x"], "--port"],
  [["--port", "70000"], "65535"],
  [["--api-key", "secret"], "--api-key"],
  [["--api-key", `phk_staging_${"a".repeat(32)}`], "phk_live_…, phk_sandbox_…"],
  [["--retry-schedule", "5s,soon"], "soon"],
  [["--allow-networks", "10.0.0.0/99"], "10.0.0.0/99"],
  [["--log-level", "loud"], "loud"],
  [["--prot", "8071"], "--prot"],
  [["--extra-ca", "/does/not/exist.pem"], "--extra-ca"],
])("%j is one clear line and exit code 64 or 1", async (args, named) => {
  const { code, stderr } = await run(["start", "--data", join(folder, "data"), ...args]);
  expect(code).toBe(64);
  expect(stderr).toContain(named);
  expect(stderr).not.toContain("    at ");
});

test("a wrong value is refused before anything opens", async () => {
  const data = join(folder, "data");
  await run(["start", "--data", data, "--retry-schedule", "never"]);
  expect(existsSync(data)).toBe(false);
});

test("a wrong environment variable is refused by its own name's flag", async () => {
  const { code, stderr } = await run(["start"], { POSTHASTE_PORT: "none", POSTHASTE_DATA: folder });
  expect(code).toBe(64);
  expect(stderr).toContain("none");
});

test("switching TLS verification off for the process is refused", async () => {
  const { code, stderr } = await run(["start", "--data", folder], { NODE_TLS_REJECT_UNAUTHORIZED: "0" });
  expect(code).toBe(64);
  expect(stderr).toContain("--extra-ca");
});

test("help names every flag and its environment variable", async () => {
  const { code, stdout } = await run(["start", "--help"]);
  expect(code).toBe(0);
  for (const flag of ["--host", "--port", "--data", "--dev", "--api-key", "--retry-schedule"]) {
    expect(stdout).toContain(flag);
  }
  expect(stdout).toContain("POSTHASTE_RETRY_SCHEDULE");
});

test("an unknown command says so and exits 2", async () => {
  const { code, stderr } = await run(["deliver"]);
  expect(code).toBe(2);
  expect(stderr).toContain("deliver");
});
