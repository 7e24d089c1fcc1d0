import { describe, expect, it } from "vitest";
import { WriteOrder } from "./write-order.ts";

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("writes under one key", () => {
  it("happen one after the other, those under another key beside them", async () => {
    const writes = new WriteOrder();
    const steps: string[] = [];
    const write = (key: string, name: string) =>
      writes.run(key, async () => {
        steps.push(`${name} begins`);
        await pause();
        steps.push(`${name} ends`);
        return name;
      });
    expect(await Promise.all([write("a", "1"), write("a", "2"), write("b", "3")])).toEqual(["1", "2", "3"]);
    const under = (...names: string[]): string[] => steps.filter((step) => names.includes(step[0] ?? ""));
    expect(under("1", "2")).toEqual(["1 begins", "1 ends", "2 begins", "2 ends"]);
    expect(steps.indexOf("3 begins")).toBeLessThan(steps.indexOf("1 ends"));
  });

  it("go on after one that failed", async () => {
    const writes = new WriteOrder();
    const failed = writes.run("a", () => Promise.reject(new Error("no")));
    const next = writes.run("a", () => Promise.resolve("yes"));
    await expect(failed).rejects.toThrow("no");
    expect(await next).toBe("yes");
  });
});
