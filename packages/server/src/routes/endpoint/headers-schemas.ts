import { Type } from "typebox";
import { named, nullable } from "../fields.ts";
import { Headers } from "./schemas.ts";

export const EndpointHeadersIn = named("EndpointHeadersIn", Type.Object({ headers: Headers }));

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

export const EndpointHeadersOut = named(
  "EndpointHeadersOut",
  Type.Object({
    headers: Headers,
    sensitive: Type.Array(Type.String(), {
      uniqueItems: true,
      description: "Names of headers that are sent but whose values are never shown.",
    }),
  }),
);
