import fc from "fast-check";
import { Histogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import { PlainHistogram } from "./plain-histogram.ts";

const BOUNDS = [0.001, 0.5, 1, 2.5, 30];

test("prints what prom-client's own prints, whatever was observed", async () => {
  const value = fc.oneof(
    fc.constantFrom(0, ...BOUNDS, 31),
    fc.double({ min: 0, max: 1e9, noNaN: true }),
    fc.nat(40),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(value), async (values) => {
      const [ours, theirs] = [new Registry(), new Registry()];
      const named = { name: "a_seconds", help: "How long, in seconds" };
      const plain = new PlainHistogram({ ...named, bounds: BOUNDS, registry: ours });
      const known = new Histogram({ ...named, buckets: BOUNDS, registers: [theirs] });
      for (const one of values) {
        plain.observe(one);
        known.observe(one);
      }
      expect(await ours.metrics()).toBe(await theirs.metrics());
    }),
  );
});
