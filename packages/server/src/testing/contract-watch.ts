import { loadSvixContract, type SvixContract } from "./svix-contract.ts";

/**
 * Holds every answer that a client gets against Svix's OpenAPI document; where that is not at hand it finds no fault.
 * `ours`: operations that Svix does not have may be called too.
 */
export class ContractWatch {
  readonly contract: SvixContract | null = loadSvixContract();
  readonly faults: string[] = [];
  /** What was called, as `METHOD /path`. */
  readonly called = new Set<string>();
  readonly #ours: boolean;

  constructor({ ours = false }: { ours?: boolean } = {}) {
    this.#ours = ours;
  }

  /** Looks at the answer on its way to whoever asked. */
  readonly fetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    const text = await response.clone().text();
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    this.hold(init?.method ?? "GET", pathname, { status: response.status, body });
    return response;
  };

  hold(method: string, path: string, { status, body }: { status: number; body: unknown }): void {
    this.called.add(`${method} ${path}`);
    if (this.contract === null) return;
    const fault = this.contract.faults(method, path, { status, body });
    if (fault === null || (fault === undefined && this.#ours)) return;
    const why = fault ?? "not an operation of Svix";
    this.faults.push(`${method} ${path} ${status}: ${why}\n${JSON.stringify(body)}`);
  }
}
