/** What is read of Svix's answers, and of ours, which have the same form. Whatever else they hold is passed over. */
import { Type, type Static, type TSchema } from "typebox";
import { compile } from "../validation.ts";
import { ImportStopped } from "./refusals.ts";

const optional = <Schema extends TSchema>(schema: Schema) => Type.Optional(Type.Union([schema, Type.Null()]));
const Strings = Type.Array(Type.String());
const Texts = Type.Record(Type.String(), Type.String());

const WireEventType = Type.Object({
  name: Type.String(),
  description: Type.String(),
  archived: optional(Type.Boolean()),
  deprecated: optional(Type.Boolean()),
  schemas: optional(Type.Record(Type.String(), Type.Unknown())),
  groupName: optional(Type.String()),
  featureFlags: optional(Strings),
  featureFlag: optional(Type.String()),
});

const WireApplication = Type.Object({
  id: Type.String(),
  uid: optional(Type.String()),
  name: Type.String(),
  throttleRate: optional(Type.Integer()),
  rateLimit: optional(Type.Integer()),
  metadata: optional(Texts),
});

const WireEndpoint = Type.Object({
  id: Type.String(),
  uid: optional(Type.String()),
  url: Type.String(),
  description: optional(Type.String()),
  throttleRate: optional(Type.Integer()),
  rateLimit: optional(Type.Integer()),
  disabled: optional(Type.Boolean()),
  eventTypes: optional(Strings),
  filterTypes: optional(Strings),
  channels: optional(Strings),
  metadata: optional(Texts),
});

const WireSecret = Type.Object({ key: Type.String() });
const WireHeaders = Type.Object({ headers: Texts, sensitive: Strings });
const WireTransformation = Type.Object({
  code: optional(Type.String()),
  enabled: optional(Type.Boolean()),
  variables: optional(Texts),
});
const WireDestination = Type.Object({
  id: Type.String(),
  uid: optional(Type.String()),
  type: optional(Type.String()),
});

const WirePage = Type.Object({
  data: Type.Array(Type.Unknown()),
  iterator: optional(Type.String()),
  done: optional(Type.Boolean()),
});
/** `detail` is a sentence, or says for each field what is wrong with it. */
const WireProblem = Type.Object({
  detail: Type.Union([
    Type.String(),
    Type.Array(Type.Object({ loc: Type.Array(Type.String()), msg: Type.String() })),
  ]),
});

export type WireEventType = Static<typeof WireEventType>;
export type WireApplication = Static<typeof WireApplication>;
export type WireEndpoint = Static<typeof WireEndpoint>;

function reader<Schema extends TSchema>(what: string, schema: Schema): (value: unknown) => Static<Schema> {
  const checker = compile(schema);
  return (value) => {
    try {
      return checker.check(value, []);
    } catch {
      // Its words would quote what came, which may be a secret.
      throw new ImportStopped(`${what} came in a form that is not Svix's. Is the address right?`);
    }
  };
}

export const readEventType = reader("An event type", WireEventType);
export const readApplication = reader("An application", WireApplication);
export const readEndpoint = reader("An endpoint", WireEndpoint);
export const readSecret = reader("A secret", WireSecret);
export const readHeaders = reader("Headers", WireHeaders);
export const readTransformation = reader("A transformation", WireTransformation);
export const readPage = reader("A list", WirePage);
export const readProblem = reader("A refusal", WireProblem);
export const readDestination = reader("A destination", WireDestination);
