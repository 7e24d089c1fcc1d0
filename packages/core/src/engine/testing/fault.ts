import type { FakeRuntime } from "../../runtime/testing/fake-runtime.ts";
import type { Store } from "../../storage/port.ts";

/** What may go wrong with a process: it ends without a word, or it stands still and goes on later. */
export class ProcessFault {
  #dead = false;
  #frozen: PromiseWithResolvers<void> | null = null;
  #held: (() => void)[] = [];
  #busy = 0;
  /** Called with the name of each operation before it is done; what it throws is the operation's error. */
  before: (operation: string, args: readonly unknown[]) => void = () => {};
  /** Called after it was done; what it throws is the operation's error all the same. */
  after: (operation: string, args: readonly unknown[]) => void = () => {};

  /** Operations that the store is working on. */
  get busy(): number {
    return this.#busy;
  }

  get dead(): boolean {
    return this.#dead;
  }

  get frozen(): boolean {
    return this.#frozen !== null;
  }

  kill(): void {
    this.#dead = true;
  }

  freeze(): void {
    this.#frozen ??= Promise.withResolvers();
  }

  thaw(): void {
    this.#frozen?.resolve();
    this.#frozen = null;
    for (const fn of this.#held.splice(0)) fn();
  }

  /** Resolves when the process runs: never, once it is dead. */
  async running(): Promise<void> {
    while (this.#frozen !== null) await this.#frozen.promise;
    if (this.#dead) await new Promise<never>(() => {});
  }

  /** The store as this process sees it. */
  store(store: Store): Store {
    const { cluster } = store;
    return {
      deliveries: this.#wrap(store.deliveries),
      environments: this.#wrap(store.environments),
      credentials: this.#wrap(store.credentials),
      applications: this.#wrap(store.applications),
      endpoints: this.#wrap(store.endpoints),
      eventTypes: this.#wrap(store.eventTypes),
      history: this.#wrap(store.history),
      polling: this.#wrap(store.polling),
      dataKeys: this.#wrap(store.dataKeys),
      overview: this.#wrap(store.overview),
      search: this.#wrap(store.search),
      contents: this.#wrap(store.contents),
      cancellations: this.#wrap(store.cancellations),
      tasks: this.#wrap(store.tasks),
      cluster: cluster && this.#wrap(cluster),
      health: () => store.health(),
      stats: () => store.stats(),
      close: () => store.close(),
    };
  }

  /** Its time: stands still with it. */
  runtime(runtime: FakeRuntime): FakeRuntime {
    const soon = (fn: () => void): void =>
      runtime.timers.soon(() => {
        if (this.#dead) return;
        if (this.#frozen === null) fn();
        else this.#held.push(fn);
      });
    return { ...runtime, timers: { ...runtime.timers, soon } };
  }

  async #count(work: () => unknown): Promise<unknown> {
    this.#busy += 1;
    try {
      return await work();
    } finally {
      this.#busy -= 1;
    }
  }

  #wrap<Noun extends object>(noun: Noun): Noun {
    return new Proxy(noun, {
      get: (target, name) => {
        const operation: unknown = Reflect.get(target, name);
        if (typeof operation !== "function") return operation;
        return async (...args: unknown[]): Promise<unknown> => {
          await this.running();
          this.before(String(name), args);
          await this.running();
          try {
            const result = await this.#count(() => Reflect.apply(operation, target, args));
            this.after(String(name), args);
            return result;
          } finally {
            await this.running();
          }
        };
      },
    });
  }
}
