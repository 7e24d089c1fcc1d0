import { Type } from "typebox";
import { named, nullable } from "../fields.ts";
import { Headers } from "./schemas.ts";

export const HeadersIn = Type.Object({ headers: Headers });
export const EndpointHeadersIn = named("EndpointHeadersIn", HeadersIn);

export const EndpointHeadersPatchIn = named(
  "EndpointHeadersPatchIn",
  Type.Object({
    headers: Type.Record(Type.String(), nullable(Type.String()), {
      description: "Added or replaced; null takes a header away. Upper and lower case are the same name.",
    }),
    deleteHeaders: Type.Optional(
      Type.Array(Type.String(), { default: [], description: "Names to take away." }),
    ),
  }),
);

export const HeadersOut = Type.Object({
  headers: Headers,
  sensitive: Type.Array(Type.String(), {
    uniqueItems: true,
    description: "Names of headers that are sent but whose values are never shown.",
  }),
});
export const EndpointHeadersOut = named("EndpointHeadersOut", HeadersOut);
