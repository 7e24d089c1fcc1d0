/** Finding messages and attempts. Every call is one bounded look, however much is stored. */
import type { Attempt } from "../domain/attempt.ts";
import type { Message } from "../domain/message.ts";
import type { Page } from "./port-page.ts";

export interface SearchStore {
  /** The next messages that have all that is asked for, in the order of the page. */
  findMessages(query: MessageSearch): Promise<FoundMessages>;
  /** The same for attempts: `listAttempts` in bounded looks. */
  findAttempts(query: AttemptQuery): Promise<FoundAttempts>;
}

interface TimeRange {
  /** Only those made before / at or after this time. */
  readonly before?: number | undefined;
  readonly after?: number | undefined;
}

export interface MessageQuery extends TimeRange {
  readonly appId: string;
  readonly page: Page;
  readonly channel?: string | undefined;
  readonly tag?: string | undefined;
  readonly eventTypes?: readonly string[] | undefined;
  readonly withPayload: boolean;
}

export interface MessageSearch extends MessageQuery {
  /** Words of `searchWords` that the payload must have, all of them; none = whatever the payload. */
  readonly words: readonly string[];
}

/**
 * How far a look got: everything up to this id, in the order of the page, was looked at. Null: to the end, or until the
 * page was full.
 */
interface Looked {
  readonly after: string | null;
}

export interface FoundMessages extends Looked {
  /** At most as many as the page asks for. */
  readonly messages: readonly Message[];
}

export interface FoundAttempts extends Looked {
  readonly attempts: readonly AttemptWithMessage[];
}

export interface AttemptQuery extends TimeRange {
  readonly appId: string;
  readonly page: Page;
  /** One of the two is given. */
  readonly endpointId?: string | undefined;
  readonly messageId?: string | undefined;
  readonly status?: "success" | "fail" | "canceled" | undefined;
  /** 100, 200, … 500: the hundred the status code lies in. */
  readonly statusCodeClass?: number | undefined;
  readonly channel?: string | undefined;
  readonly tag?: string | undefined;
  readonly eventTypes?: readonly string[] | undefined;
  readonly withBody: boolean;
  /** Also read the message of each. */
  readonly withMessage: boolean;
}

export interface AttemptWithMessage {
  readonly attempt: Attempt;
  readonly message: Message | null;
}
