import type { Application } from "../../domain/application.ts";
import type { Lane } from "./lane.ts";
import { Queue } from "./queue.ts";
import { TokenBucket } from "./token-bucket.ts";

/** The lanes of one application that may start something, and its share. */
export interface AppShare {
  readonly appId: string;
  readonly readyLanes: Queue<Lane>;
  /** How many lanes it has; without any it is forgotten. */
  lanes: number;
  deficitBytes: number;
  bucket: TokenBucket | null;
  ready: boolean;
  waking: boolean;
}

/** The applications that have lanes. */
export class AppShares {
  readonly #shares = new Map<string, AppShare>();

  find(appId: string): AppShare | undefined {
    return this.#shares.get(appId);
  }

  /** A lane of this application came. */
  add(application: Application, now: number): void {
    const known = this.#shares.get(application.id);
    if (known) {
      known.lanes += 1;
      return;
    }
    const share: AppShare = {
      appId: application.id,
      readyLanes: new Queue(),
      lanes: 1,
      deficitBytes: 0,
      bucket: null,
      ready: false,
      waking: false,
    };
    this.#shares.set(application.id, share);
    this.setRate(application, now);
  }

  /** A lane of this application went. */
  remove(appId: string): void {
    const share = this.#shares.get(appId);
    if (!share) return;
    share.lanes -= 1;
    if (share.lanes === 0) this.#shares.delete(appId);
  }

  setRate({ id, throttleRate }: Application, now: number): void {
    const share = this.#shares.get(id);
    if (!share) return;
    if (throttleRate === null) share.bucket = null;
    else if (share.bucket === null) share.bucket = new TokenBucket(throttleRate, now);
    else share.bucket.setRate(throttleRate);
  }
}
