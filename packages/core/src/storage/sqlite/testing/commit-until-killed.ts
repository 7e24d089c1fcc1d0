/**
 * A process that accepts and delivers messages as fast as it can and names each one on its output once it has
 * been acknowledged. Ends with code 70 when the store reports a fatal failure, saying what was rejected.
 */
import { writeSync } from "node:fs";
import { fakeRuntime } from "../../../runtime/testing/fake-runtime.ts";
import { Scene } from "../../testing/scene.ts";
import { openSqliteStore } from "../open.ts";

const FATAL_EXIT_CODE = 70;
const PARALLEL = 4;
const BATCH = 20;

const [directory = "", seed = "1"] = process.argv.slice(2);
const say = (line: string): void => void writeSync(1, `${line}\n`);

const store = await openSqliteStore({
  directory,
  reserveBytes: 65_536,
  onFatal: (error) => void endAfter(error),
});
const scene = await Scene.make(store, fakeRuntime({ seed: Number(seed) }));
say(`scene ${scene.app.id} ${scene.endpoint.id}`);

async function endAfter(error: Error): Promise<void> {
  say(`fatal ${error.message}`);
  try {
    await store.deliveries.commit({ accepted: [], settled: [] });
  } catch (refused) {
    say(`refused ${String(refused)}`);
  }
  process.exit(FATAL_EXIT_CODE);
}

async function commitForever(): Promise<void> {
  for (;;) {
    const accepted = Array.from({ length: BATCH }, () =>
      scene.accepted({ leased: true, payload: `"${"x".repeat(2_000)}"` }),
    );
    await scene.acceptAll(accepted);
    for (const { message } of accepted) say(`accepted ${message.id}`);
    const half = accepted.slice(BATCH / 2).map(({ message }) => scene.settled(scene.delivery(message)));
    await scene.settle(...half);
    for (const { attempt } of half) say(`settled ${attempt?.messageId} ${attempt?.id}`);
  }
}

await Promise.all(
  Array.from({ length: PARALLEL }, () =>
    commitForever().catch((error: unknown) => say(`rejected ${String(error)}`)),
  ),
);
