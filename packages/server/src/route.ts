import { PosthasteError } from "@posthaste/core/domain/errors";
import { JSON_DEPTH_MAX, REQUEST_BODY_MAX_BYTES } from "@posthaste/core/domain/limits";
import type { Engine } from "@posthaste/core/engine/engine";
import type { Runtime } from "@posthaste/core/runtime/runtime";
import type { NodeRole, Store } from "@posthaste/core/storage/port";
import type { Transformer } from "@posthaste/core/transform/transformer";
import { Type, type Static, type TObject, type TSchema } from "typebox";
import type { Answer } from "./answer.ts";
import type { Caller, Need } from "./caller.ts";
import type { Credentials } from "./auth.ts";
import { keyedRequest, type AnswerMemory, type KeyedRequest, type Remember } from "./idempotency.ts";
import { readJsonBody, type JsonBody } from "./json-body.ts";
import type { Quotas } from "./quotas.ts";
import { queryReader } from "./query.ts";
import { compile, type Checker } from "./validation.ts";
import type { WriteOrder } from "./write-order.ts";

/** Whether something from outside may be used; the message says what to write instead. */
type Verdict = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** What an endpoint may have. */
interface Rules {
  readonly checkUrl: (url: string) => Verdict;
  readonly checkHeader: (name: string, value: string) => Verdict;
  /** Whether a header's value is a secret, by its name: sent, but never shown. */
  readonly isSensitiveHeader: (name: string) => boolean;
  /** Throws an error whose message says what is wrong when an endpoint cannot sign with this key. */
  readonly checkSecret: (key: string) => void;
  /** Whether TLS can present this certificate with its key. */
  readonly checkIdentity: (pem: string) => Verdict;
  /** Whether these are certificates of authorities. */
  readonly checkServerCa: (pem: string) => Verdict;
  /** Throws an error whose message says what is wrong when this key cannot sign an OAuth assertion. */
  readonly checkAssertionKey: (base64: string) => void;
}

/** What the routes stand on. The rules are handed in, so that only the composition root knows where they live. */
export interface Ground {
  readonly engine: Engine;
  readonly store: Store;
  readonly runtime: Runtime;
  readonly transformer: Transformer;
  readonly rules: Rules;
  /** The page of numbers for Prometheus; prom-client's Registry fits. */
  readonly metrics: { readonly contentType: string; metrics(): Promise<string> };
  /** Where browsers reach this server, without a slash at the end: for links to the portal. */
  readonly publicUrl: () => string;
  /** A worker answers public operations only; default all. */
  readonly role?: NodeRole;
  /** Default: none. */
  readonly quotas?: Quotas;
  /** The text of the operator's key; default: there is none. */
  readonly operatorKey?: string | null;
  /** How long an environment that is made keeps messages and attempts, unless its settings say otherwise. */
  readonly retentionDays?: number;
}

/** Made once for one application, beside what was handed in. */
export interface Services extends Omit<Ground, "quotas" | "operatorKey"> {
  readonly quotas: Quotas;
  readonly credentials: Credentials;
  readonly answers: AnswerMemory;
  readonly writes: WriteOrder;
  /** The API's own description, as OpenAPI text. */
  readonly describe: () => Promise<string>;
}

/**
 * Who may call. `public` is anyone. A permission is one word of `permission.ts`: a credential without it gets 403, and
 * one that has it sees its own environment only (and its own application, when it is a portal token); the operator's key
 * has a few, for the environment that the path names. `caller` is any
 * credential, for what concerns that credential alone. There is no default: a route without a scope does not build.
 */
type Scope = "public" | Need;

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What the API's description says of an operation. */
interface Described {
  readonly method: Method;
  /** With `:name` parameters. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  /** What it does, its defaults, and the refusals that are its own. */
  readonly description: string;
  /** The body of each status it answers with; null = no body. Refusals are added to all alike. */
  readonly answers: Readonly<Record<number, TSchema | null>>;
}

/** One operation, ready to be served and described. */
export interface Route extends Described {
  readonly scope: Scope;
  readonly params: TObject | null;
  readonly query: TObject | null;
  readonly body: TSchema | null;
  readonly bodyMaxBytes: number;
  /** Brings messages to the application in its path, and counts them. */
  readonly bringsMessages: boolean;
  /** Also answers HEAD, without the body. */
  readonly head: boolean;
  readonly run: (incoming: Incoming, services: Services) => Promise<Answer>;
}

/** A request as it came, after its credential was checked: it exists and has what the scope asks for. */
export interface Incoming {
  /** Null for public routes only. */
  readonly caller: Caller | null;
  readonly method: string;
  readonly url: string;
  readonly params: unknown;
  readonly query: Readonly<Record<string, unknown>>;
  readonly idempotencyKey: string | readonly string[] | undefined;
  readonly bytes: Buffer | undefined;
}

/** A request as a handler gets it: checked against the schemas. */
interface Call<Params, Query, Body> {
  readonly caller: Caller;
  /** The caller's. */
  readonly environmentId: string;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** The text of the body's member named by `verbatim`, exactly as it came; null when there is none. */
  readonly verbatim: string | null;
  /** Of a POST with an Idempotency-Key. */
  readonly keyed: KeyedRequest | null;
  /** For the store write of a POST: remembers this answer in the same transaction. */
  readonly remember: Remember;
}

interface EnvironmentRoute<
  Params extends TObject,
  Query extends TObject,
  Body extends TSchema,
> extends Described {
  /** What a credential needs for it. */
  readonly scope: Need;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  readonly bodyMaxBytes?: number;
  /** Brings messages to the application in its path: its handler calls `quotas.takeMessages`. */
  readonly bringsMessages?: boolean;
  readonly depthMax?: number;
  /** No body means `{}`. */
  readonly bodyOptional?: boolean;
  /** The member whose exact text the handler needs. */
  readonly verbatim?: string;
  /** The handler reads that text only: in `body` the member may stand as `{}`. */
  readonly verbatimOnly?: boolean;
  /**
   * `engine`: it keeps the keys of messages, in the transaction that stores them. `none`: an Idempotency-Key has no
   * effect, because the answer is a secret that is not stored, or another for each credential.
   */
  readonly idempotency?: "engine" | "none";
  readonly handle: (
    call: Call<Static<Params>, Static<Query>, Static<Body>>,
    services: Services,
  ) => Promise<Answer>;
}

const NOTHING = Type.Object({});
/** No member of a body has this name, so nothing is looked for. */
const NO_MEMBER = "";

/** An operation on one environment's data. */
export function environmentRoute<
  Params extends TObject = typeof NOTHING,
  Query extends TObject = typeof NOTHING,
  Body extends TSchema = typeof NOTHING,
>(definition: EnvironmentRoute<Params, Query, Body>): Route {
  const { handle, idempotency, method } = definition;
  const params = definition.params && compile(definition.params);
  const query = definition.query && {
    read: queryReader(definition.query),
    checker: compile(definition.query),
  };
  const body = definition.body && compile(definition.body);
  const reading = {
    member: definition.verbatim ?? NO_MEMBER,
    verbatimOnly: definition.verbatimOnly ?? false,
    depthMax: definition.depthMax ?? JSON_DEPTH_MAX,
  };
  const emptyBody = definition.bodyOptional === true ? NO_BODY : undefined;
  return {
    ...definition,
    params: definition.params ?? null,
    query: definition.query ?? null,
    body: definition.body ?? null,
    bodyMaxBytes: definition.bodyMaxBytes ?? REQUEST_BODY_MAX_BYTES,
    bringsMessages: definition.bringsMessages ?? false,
    head: false,
    run(incoming, services) {
      const { caller, bytes } = incoming;
      if (caller === null) throw new PosthasteError("authentication_failed");
      const { environmentId } = caller;
      const json: JsonBody =
        body === undefined
          ? NO_BODY
          : bytes === undefined && emptyBody !== undefined
            ? emptyBody
            : readJsonBody(bytes ?? NO_BYTES, reading);
      const keyed =
        method === "POST" && idempotency !== "none"
          ? keyedRequest({
              environmentId,
              method,
              url: incoming.url,
              key: incoming.idempotencyKey,
              body: bytes ?? NO_BYTES,
            })
          : null;
      const call = {
        caller,
        environmentId,
        params: checked(params, incoming.params, PATH_LOC),
        query: checked(query?.checker, query?.read(incoming.query), QUERY_LOC),
        body: checked(body, json.value, BODY_LOC),
        verbatim: json.verbatim,
        keyed,
        remember: REMEMBER_NOTHING,
      };
      if (method !== "POST" || idempotency === "engine") return handle(call, services);
      return services.answers.once(keyed, (remember) => handle({ ...call, remember }, services));
    },
  };
}

const NO_BYTES = Buffer.alloc(0);
const NO_BODY: JsonBody = { value: {}, verbatim: null };
const PATH_LOC: readonly string[] = ["path"];
const QUERY_LOC: readonly string[] = ["query"];
const BODY_LOC: readonly string[] = ["body"];
const REMEMBER_NOTHING: Remember = () => ({});

/** Without a schema nothing was sent that anyone would read. */
function checked<Schema extends TSchema>(
  checker: Checker<Schema> | undefined,
  value: unknown,
  loc: readonly string[],
): Static<Schema> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type is then that of an empty object
  return checker === undefined ? ({} as Static<Schema>) : checker.check(value, loc);
}

interface PublicRoute<Body extends TSchema> extends Described {
  readonly scope: "public";
  readonly head?: boolean;
  readonly body?: Body;
  readonly handle: (services: Services, body: Static<Body>) => Promise<Answer>;
}

const PUBLIC_READING = { member: NO_MEMBER, verbatimOnly: false, depthMax: JSON_DEPTH_MAX };
/** What anyone may send is small. */
const PUBLIC_BODY_MAX_BYTES = 4_096;

/** An operation anyone may call: it is given nothing of the request but its body, where it takes one. */
export function publicRoute<Body extends TSchema = typeof NOTHING>(definition: PublicRoute<Body>): Route {
  const body = definition.body && compile(definition.body);
  return {
    ...definition,
    params: null,
    query: null,
    body: definition.body ?? null,
    bodyMaxBytes: PUBLIC_BODY_MAX_BYTES,
    bringsMessages: false,
    head: definition.head ?? false,
    run({ bytes }, services) {
      const json = body === undefined ? NO_BODY : readJsonBody(bytes ?? NO_BYTES, PUBLIC_READING);
      return definition.handle(services, checked(body, json.value, BODY_LOC));
    },
  };
}
