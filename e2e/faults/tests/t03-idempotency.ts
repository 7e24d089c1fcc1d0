import type { Context, FaultTest, Verdict } from "../fault-test.ts";
import { call, listAll, Refused } from "../harness/api.ts";
import { hashOf } from "../harness/ledger.ts";
import { payloadOf } from "../harness/load.ts";
import { judge } from "../harness/oracle.ts";
import { Scene } from "../harness/scene.ts";
import { sleep } from "../harness/wait.ts";

const KEYS = { short: 40, long: 1_000 };
const POSTS = 64;
/** Keys under way at once. */
const PARALLEL = 2;
/** One kill in so many keys. */
const KILL_EVERY = 8;
const PAUSE_MS = 15;
/** A client that gets no answer in this many tries has met something else than a restart. */
const TRIES_MAX = 2_000;
const APP = "ana";

/** What one client of a key was told. */
type Answer =
  | { readonly id: string; readonly other: boolean }
  | { readonly conflict: true; readonly other: boolean };

export const t03: FaultTest = {
  id: "T3",
  sentence: `${POSTS} concurrent posts of one idempotency key are one message, through kills too`,
  backends: ["sqlite", "postgres"],
  run: (context) =>
    Scene.run(context, { endpoints: [{ app: APP, name: "shop" }] }, (scene) => run(context, scene)),
};

async function run(context: Context, scene: Scene): Promise<Verdict> {
  const keys = context.counts.keys ?? KEYS[context.long ? "long" : "short"];
  const violations: string[] = [];
  const killer = new Killer(context, scene);
  let next = 0;
  let conflicts = 0;
  const worker = async (): Promise<void> => {
    while (next < keys) {
      const key = next++;
      // A crash among the posts of this key.
      const kill = key % KILL_EVERY === KILL_EVERY - 1 ? killer.soon() : Promise.resolve();
      const [outcome] = await Promise.all([postKey(scene, key), kill]);
      conflicts += outcome.conflicts;
      violations.push(...outcome.violations);
      if (next % 100 === 0) context.say(`${next} keys`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  await scene.drain();
  const stored = await listAll<{ id: string }>(scene.target(), `/app/${APP}/msg?with_content=false`);
  if (stored.length !== keys) violations.push(`${keys} keys became ${stored.length} messages`);
  const { violations: found, figures } = await judge(context, scene);
  return {
    violations: [...violations, ...found],
    figures: { keys, posts: keys * POSTS, kills: scene.crashes.length, "answers 409": conflicts, ...figures },
  };
}

/** Kills and starts one node at a time: another is always there, where there are several. */
class Killer {
  readonly #context: Context;
  readonly #scene: Scene;
  #last: Promise<void> = Promise.resolve();

  constructor(context: Context, scene: Scene) {
    this.#context = context;
    this.#scene = scene;
  }

  soon(): Promise<void> {
    this.#last = this.#last.then(() => this.#kill());
    return this.#last;
  }

  async #kill(): Promise<void> {
    const { random } = this.#context;
    await sleep(random.unit() * 60);
    const node = random.pick(this.#scene.system.nodes);
    await this.#scene.kill(node);
    await this.#scene.start(node);
  }
}

/** Most clients post one body, one posts another: whichever comes first is the message, the other is refused. */
async function postKey(scene: Scene, key: number): Promise<{ violations: string[]; conflicts: number }> {
  const { entry, payload } = await scene.ledger.intend({
    app: APP,
    eventType: "order.completed",
    payload: (number) => payloadOf(number, 50),
  });
  const other = payload.replace('"big"', '"other"');
  const odd = key % POSTS;
  const answers = await Promise.all(
    Array.from({ length: POSTS }, (_, client) =>
      post(scene, { key, payload: client === odd ? other : payload, other: client === odd }),
    ),
  );
  const ids = new Set(answers.flatMap((answer) => ("id" in answer ? [answer.id] : [])));
  const accepted = answers.filter((answer) => "id" in answer);
  const winner = accepted[0]?.other ?? false;
  if (winner) Object.assign(entry, { hash: hashOf(other) });
  const [id] = ids;
  if (id !== undefined) await scene.ledger.acknowledge(entry, id);
  const violations: string[] = [];
  if (ids.size !== 1) violations.push(`key ${key} was answered with ${ids.size} ids`);
  if (accepted.some((answer) => answer.other !== winner)) {
    violations.push(`key ${key}: two different bodies were both accepted`);
  }
  const conflicts = answers.filter((answer) => "conflict" in answer);
  if (conflicts.some((answer) => answer.other === winner)) {
    violations.push(`key ${key}: a repeat of the accepted body was refused`);
  }
  return { violations, conflicts: conflicts.length };
}

/** Repeats until there is an answer for good. */
async function post(
  scene: Scene,
  { key, payload, other }: { key: number; payload: string; other: boolean },
): Promise<Answer> {
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    try {
      const { id } = await call<{ id: string }>(scene.target(), "POST", `/app/${APP}/msg`, {
        body: `{"eventType":"order.completed","payload":${payload}}`,
        idempotencyKey: `key-${key}`,
      });
      return { id, other };
    } catch (error) {
      if (error instanceof Refused && error.status === 409) return { conflict: true, other };
      if (error instanceof Refused && error.status !== 503) throw error;
      await sleep(PAUSE_MS);
    }
  }
  throw new Error(`key ${key} was never answered`);
}
