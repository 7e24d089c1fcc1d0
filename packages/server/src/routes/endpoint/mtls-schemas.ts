import { TLS_PEM_MAX_CHARS } from "@posthaste/core/domain/limits";
import { Type } from "typebox";
import { named, nullable } from "../fields.ts";

export const EndpointMtlsConfigOut = named("EndpointMtlsConfigOut", Type.Object({}));

export const EndpointMtlsOut = named(
  "EndpointMtlsOut",
  Type.Object({ enabled: Type.Boolean(), config: nullable(EndpointMtlsConfigOut) }),
);

export const Pem = Type.String({
  maxLength: TLS_PEM_MAX_CHARS,
  // PEM is printable ASCII and line breaks.
  pattern: "^[\\t\\n\\r -~]*$",
  examples: ["-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"],
});

export const EndpointMtlsConfigIn = named(
  "EndpointMtlsConfigIn",
  Type.Object({
    identity: Type.String({
      ...Pem,
      description: "PEM: the client certificate, the ones between it and its authority, and its private key.",
    }),
  }),
);
