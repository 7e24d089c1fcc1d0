import type { EgressOutcome, EgressRequest } from "../egress/egress.ts";
import type { ClaimRequest, ClaimedDelivery, CommitBatch, CommitResult } from "../storage/port.ts";
import type { CancelOwed } from "../storage/port-cancellation.ts";
import type { DueRow } from "./model/state.ts";
import type { SimProcess } from "./world/process.ts";

/** One POST that left a process. */
export interface Post {
  readonly number: number;
  readonly process: SimProcess;
  readonly appId: string;
  readonly endpointId: string;
  readonly messageId: string;
  readonly request: EgressRequest;
  /** World time. */
  readonly startedAt: number;
  /** Wall time of the process, as the attempt is recorded under. */
  readonly wallAt: number;
  /** When the receiver said 2xx, whether or not the process heard it. */
  deliveredAt: number | null;
  /** When the process heard what came of it; null while it waits, and for good if it died. */
  endedAt: number | null;
  /** Wall time of the process then. */
  heardWallAt: number | null;
  outcome: EgressOutcome | null;
}

/** What a validator gets to see, in the order in which it happened. */
export type SimEvent =
  /** A commit went through; the process need not know it yet. */
  | {
      readonly kind: "committed";
      readonly process: SimProcess;
      readonly batch: CommitBatch;
      readonly result: CommitResult;
    }
  | {
      readonly kind: "claimed";
      readonly process: SimProcess;
      readonly request: ClaimRequest;
      readonly claimed: readonly ClaimedDelivery[];
    }
  /** A change of an endpoint that went through. */
  | { readonly kind: "written"; readonly change: "insert" | "update" | "delete"; readonly endpointId: string }
  /** A call that ends what is owed; the rows that ended were told of just before. */
  | { readonly kind: "called_off"; readonly request: CancelOwed }
  /** The same of what deleted endpoints were owed. */
  | { readonly kind: "orphans_ended" }
  | { readonly kind: "leased"; readonly row: Readonly<DueRow> }
  | { readonly kind: "released"; readonly row: Readonly<DueRow>; readonly held: string }
  | { readonly kind: "hurried" | "ended"; readonly row: Readonly<DueRow> }
  | { readonly kind: "posted"; readonly post: Post }
  /** The receiver has it: it answers 2xx, whether or not anybody hears so. */
  | { readonly kind: "delivered"; readonly post: Post }
  | { readonly kind: "replied"; readonly post: Post; readonly outcome: EgressOutcome }
  | { readonly kind: "asked"; readonly request: ClientRequest }
  | { readonly kind: "answered"; readonly request: ClientRequest }
  | { readonly kind: "started" | "exited" | "froze" | "thawed"; readonly process: SimProcess };

/** What a client asked for and what it was told. */
type ClientRequest = MessageRequest | EndpointRequest | CancelRequest;

export interface MessageRequest {
  readonly kind: "message";
  /** Which of the client's events it is: several requests may be about the same. */
  readonly event: ClientEvent;
  readonly process: SimProcess;
  readonly askedAt: number;
  answeredAt: number | null;
  answer: MessageAnswer | null;
}

export interface ClientEvent {
  readonly number: number;
  readonly appId: string;
  readonly eventType: string;
  readonly eventId: string | null;
  readonly key: string | null;
  readonly payload: string;
}

export type MessageAnswer =
  | { readonly kind: "accepted"; readonly messageId: string }
  | { readonly kind: "conflict"; readonly reason: "event_id" | "idempotency_key" }
  /** 503: nothing was promised. */
  | { readonly kind: "refused" }
  /** No answer came: it may have happened. */
  | { readonly kind: "lost" };

export interface EndpointRequest {
  readonly kind: "create" | "disable" | "enable" | "delete" | "patch" | "resend";
  readonly appId: string;
  readonly endpointId: string;
  /** Of a resend. */
  readonly messageId: string | null;
  readonly process: SimProcess;
  readonly askedAt: number;
  answeredAt: number | null;
  /** `gone`: there is no such endpoint (any more). */
  answer: "done" | "gone" | "refused" | "lost" | null;
}

/** Ends what is owed of messages whose ids lie in a range, both ends included. */
export interface CancelRequest {
  readonly kind: "cancel";
  readonly appId: string;
  /** Null: at every endpoint of the application. */
  readonly endpointId: string | null;
  readonly from: string;
  readonly through: string;
  readonly process: SimProcess;
  readonly askedAt: number;
  answeredAt: number | null;
  answer: EndpointRequest["answer"];
}

/** Hands every event to all who listen. */
export class Ledger {
  readonly posts: Post[] = [];
  readonly messages: MessageRequest[] = [];
  readonly endpoints: EndpointRequest[] = [];
  readonly #listeners: ((event: SimEvent) => void)[] = [];

  listen(listener: (event: SimEvent) => void): void {
    this.#listeners.push(listener);
  }

  add(event: SimEvent): void {
    if (event.kind === "posted") this.posts.push(event.post);
    if (event.kind === "asked") {
      if (event.request.kind === "message") this.messages.push(event.request);
      else if (event.request.kind !== "cancel") this.endpoints.push(event.request);
    }
    for (const listener of this.#listeners) listener(event);
  }
}
