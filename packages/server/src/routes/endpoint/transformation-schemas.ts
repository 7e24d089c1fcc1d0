import { invalidField } from "@posthaste/core/domain/errors";
import {
  TRANSFORMATION_CODE_MAX_CHARS,
  TRANSFORMATION_CODE_MIN_CHARS,
  TRANSFORMATION_VARIABLES_MAX,
  TRANSFORMATION_VARIABLES_MAX_BYTES,
} from "@posthaste/core/domain/limits";
import { TRANSFORMED_METHODS } from "@posthaste/core/domain/transformation";
import { Type } from "typebox";
import { Channel, Name, named, nullable, Text, Time } from "../fields.ts";

const Code = Type.String({
  minLength: TRANSFORMATION_CODE_MIN_CHARS,
  maxLength: TRANSFORMATION_CODE_MAX_CHARS,
  description: "JavaScript with a function `handler(webhook)` that returns the webhook.",
  examples: ["function handler(webhook) { webhook.payload.seen = true; return webhook; }"],
});

const Variables = Type.Record(Type.String(), Text, {
  maxProperties: TRANSFORMATION_VARIABLES_MAX,
  description: `What the code reads as \`env\`; at most ${TRANSFORMATION_VARIABLES_MAX_BYTES} bytes in all.`,
});

export const EndpointTransformationOut = named(
  "EndpointTransformationOut",
  Type.Object({
    code: nullable(Code),
    enabled: Type.Boolean(),
    variables: nullable(Variables),
    updatedAt: nullable(Time),
  }),
);

export const EndpointTransformationPatch = named(
  "EndpointTransformationPatch",
  Type.Object({
    code: Type.Optional(nullable(Code)),
    enabled: Type.Optional(Type.Boolean()),
    variables: Type.Optional(nullable(Variables)),
  }),
);

export const TransformationSimulateIn = named(
  "TransformationSimulateIn",
  Type.Object({
    code: Code,
    eventType: Name,
    channels: Type.Optional(nullable(Type.Array(Channel, { uniqueItems: true, maxItems: 10 }))),
    payload: Type.Unsafe<Record<string, unknown>>({ type: "object", additionalProperties: true }),
    variables: Type.Optional(nullable(Variables)),
  }),
);

export const TransformationSimulateOut = named(
  "TransformationSimulateOut",
  Type.Object({
    url: Type.String(),
    payload: Type.String({ description: "The body that would be sent, as text." }),
    method: nullable(Type.String({ pattern: `^(${TRANSFORMED_METHODS.join("|")})$` })),
    cancel: Type.Boolean({ description: "True: nothing would be sent." }),
  }),
);

/** What the schema cannot say. */
export function assertVariables(variables: Readonly<Record<string, string>> | null | undefined): void {
  if (variables === null || variables === undefined) return;
  if (Buffer.byteLength(JSON.stringify(variables)) > TRANSFORMATION_VARIABLES_MAX_BYTES) {
    throw invalidField(
      ["body", "variables"],
      `The variables are larger than ${TRANSFORMATION_VARIABLES_MAX_BYTES} bytes. Make them fewer or shorter.`,
    );
  }
}
