import { type ChildProcess, fork } from "node:child_process";
import { adopt } from "./children.ts";

/** What a helper process can be asked, by name: what it is given and what it answers. */
type CommandsOf<C> = { readonly [K in keyof C]: { readonly input: unknown; readonly output: unknown } };
type Handlers<C extends CommandsOf<C>> = {
  readonly [K in keyof C]: (input: C[K]["input"]) => C[K]["output"] | Promise<C[K]["output"]>;
};

/** What the channel carries is not typed: `ask` is what holds both ends to the same commands. */
type Handle = (input: unknown) => unknown;

interface Question {
  readonly id: number;
  readonly name: string;
  readonly input: unknown;
}

interface Answer {
  readonly id: number;
  readonly output?: unknown;
  readonly error?: string;
}

/** For the helper process: answers its parent until the parent is gone. */
export function answerCommands<C extends CommandsOf<C>>(handlers: Handlers<C>): void {
  process.on("disconnect", () => process.exit(0));
  // By the front door, so that what hangs on a clean exit (a CPU profile, say) is written.
  process.on("SIGTERM", () => process.exit(0));
  const byName = new Map(Object.entries<Handle>(handlers));
  process.on("message", (question: Question) => {
    Promise.resolve()
      .then(() => byName.get(question.name)?.(question.input))
      .then(
        (output) => process.send?.({ id: question.id, output } satisfies Answer),
        (error: unknown) => process.send?.({ id: question.id, error: String(error) } satisfies Answer),
      );
  });
}

/** For the parent: a helper process and the questions it can be asked. */
export class Helper<C extends CommandsOf<C>> {
  readonly process: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #nextId = 1;

  constructor(program: URL, args: readonly string[] = []) {
    this.process = adopt(fork(program, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] }));
    this.process.on("message", (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    this.process.on("exit", (code, signal) => {
      for (const [id, settle] of this.#waiting) settle({ id, error: `process ended (${signal ?? code})` });
      this.#waiting.clear();
    });
  }

  ask<K extends keyof C & string>(name: K, input: C[K]["input"]): Promise<C[K]["output"]> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (answer) => {
        if (answer.error === undefined) resolve(answer.output);
        else reject(new Error(`${name}: ${answer.error}`));
      });
      this.process.send({ id, name, input } satisfies Question);
    });
  }
}
