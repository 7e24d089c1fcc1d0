import {
  ENDPOINTS_PER_APP_MAX,
  RETENTION_DAYS_MAX,
  RETRY_DELAY_MAX_MS,
  RETRY_SCHEDULE_ENTRIES_MAX,
} from "@posthaste/core/domain/limits";
import { SECOND_MS } from "@posthaste/core/domain/time";
import { Type, type Static, type TObject, type TSchema } from "typebox";
import { HTTP_URL_PATTERN, TEXT_PATTERN } from "../../patterns.ts";
import { named, nullable } from "../fields.ts";

const SHORT_TEXT_MAX_CHARS = 1_000;
const URL_MAX_CHARS = 65_536;
const FONT_SIZE_MAX = 100;

const flag = (description: string, byDefault = false): TSchema & { type: "boolean" } =>
  Type.Boolean({ default: byDefault, description });
/** What a portal is to show; whoever builds one reads it from `GET /environment/settings`. */
const offered = (what: string, byDefault = false): TSchema & { type: "boolean" } =>
  flag(`A portal shows ${what}. Kept for the portal to follow: the API refuses nothing for it.`, byDefault);
/** What Svix's server does and this one does not. */
const without = (what: string, why: string): TSchema & { type: "boolean" } =>
  flag(`At Svix: ${what}. Kept and shown, without effect here: ${why}.`);
const orNull = <Schema extends TSchema & { type: string }>(schema: Schema) =>
  nullable({ ...schema, default: null });

const Color = Type.String({ maxLength: 64, pattern: "^[#a-zA-Z0-9(),.% \\-]*$", examples: ["#ffffff"] });
const Link = Type.String({ minLength: 1, maxLength: URL_MAX_CHARS, pattern: HTTP_URL_PATTERN });
const ShortText = Type.String({ maxLength: SHORT_TEXT_MAX_CHARS, pattern: TEXT_PATTERN });
const oneOf = <Value extends string>(values: readonly Value[]) =>
  Type.Unsafe<Value>({ type: "string", enum: [...values] });

const Radius = nullable({ ...oneOf(["none", "lg", "md", "sm", "full"]), type: "string" });
const optional = (names: readonly string[], schema: TSchema): TObject =>
  Type.Object(Object.fromEntries(names.map((name) => [name, Type.Optional(schema)])));

const ThemeOverride = Type.Object({
  borderRadius: Type.Optional(nullable(optional(["button", "card", "input"], Radius))),
  fontSize: Type.Optional(
    nullable(
      Type.Object({
        base: Type.Optional(nullable(Type.Integer({ minimum: 0, maximum: FONT_SIZE_MAX }))),
      }),
    ),
  ),
});
const StringsOverride = optional(["channelsOne", "channelsMany", "channelsHelp"], nullable(ShortText));
const Palette = optional(
  [
    "primary",
    "backgroundPrimary",
    "backgroundSecondary",
    "backgroundHover",
    "textPrimary",
    "textSecondary",
    "textDanger",
    "interactiveAccent",
    "navigationAccent",
    "buttonPrimary",
    "borderPrimary",
  ],
  nullable(Color),
);

/** What deliveries, endpoints and portal tokens follow. */
const followed = {
  sendSvixWebhookHeaders: flag(
    "Every request also has `svix-id`, `svix-timestamp` and `svix-signature`, with the values of the `webhook-…` " +
      "headers, for receivers that verify with Svix's library.",
  ),
  disableEndpointOnFailure: flag("Five days of nothing but failures disable an endpoint.", true),
  retryPolicy: orNull(
    Type.Array(Type.Integer({ minimum: 1, maximum: RETRY_DELAY_MAX_MS / SECOND_MS }), {
      maxItems: RETRY_SCHEDULE_ENTRIES_MAX,
      description:
        "Seconds to wait before each further attempt, for endpoints without a schedule of their own; null = the server's.",
    }),
  ),
  enforceHttps: flag(
    "Endpoints must have https URLs. Looked at when an endpoint is made or changed. Always on where the server does not " +
      "allow http.",
    true,
  ),
  requireEndpointChannel: flag("Endpoints must name channels. Looked at when one is made or changed."),
  requireEndpointFilterTypes: flag("Endpoints must name event types. Looked at when one is made or changed."),
  readOnly: flag(
    "Portal tokens may only view (`ViewBase`), whatever capabilities they were issued with; these count again when it is " +
      "switched off. API keys are not concerned. Every node follows within 5 s.",
  ),
  endpointsPerAppLimit: orNull(
    Type.Integer({
      minimum: 1,
      maximum: ENDPOINTS_PER_APP_MAX,
      description: `Endpoints that an application may have; null = ${ENDPOINTS_PER_APP_MAX}.`,
    }),
  ),
};

/** What the portal shows, and how; and what becomes of payloads, which it tells its people. */
const shown = {
  displayName: orNull(ShortText),
  customColor: orNull(Color),
  customLogoUrl: orNull(Link),
  customFontFamily: orNull(Type.String({ maxLength: SHORT_TEXT_MAX_CHARS, pattern: "^[a-zA-Z0-9\\-_ ]+$" })),
  customFontFamilyUrl: orNull(Link),
  customThemeOverride: orNull(ThemeOverride),
  customStringsOverride: orNull(StringsOverride),
  colorPaletteLight: orNull(Palette),
  colorPaletteDark: orNull(Palette),
  enableChannels: offered("the channels of endpoints"),
  enableMessageStream: without("a portal offers streams", "there are no streams"),
  enableIntegrationManagement: without("a portal offers integrations", "there are no integrations"),
  enableTransformations: offered("the transformations of endpoints"),
  enableEndpointOauthConfig: offered("the OAuth settings of endpoints"),
  enableEndpointMtlsConfig: offered("the client certificates of endpoints"),
  showUseSvixPlay: offered("a link to a place to test", true),
  showFeatureTooltips: offered("explanations of its features"),
  wipeSuccessfulPayload: flag(
    "The payload of a message is deleted once every delivery of it has succeeded, within seconds, as if its content were " +
      "expunged: its attempts stay, it cannot be resent. Not while a delivery is waiting, paused or has failed, nor while a " +
      "polling endpoint may still hand it out; a message that went to no endpoint keeps its payload. Messages delivered " +
      "before it was switched on keep theirs.",
  ),
  advancedEndpointTypes: Type.Array(
    oneOf([
      "poller",
      "http",
      "amazonS3",
      "azureBlobStorage",
      "googleCloudStorage",
      "googleCloudPubSub",
      "sqs",
      "sns",
      "bigQuery",
      "clickhouse",
      "eventBridge",
      "snowflake",
      "rabbitMq",
      "redshift",
      "otelTracing",
    ]),
    {
      uniqueItems: true,
      default: [],
      maxItems: 20,
      description:
        "At Svix: kinds of endpoints beside webhooks that a portal offers. Kept and shown, without effect here: endpoints " +
        "are webhooks, and polling endpoints are made over the API.",
    },
  ),
};

const OF_MAIL =
  "At Svix: part of the mail to applications. Kept and shown, without effect here: no mail is sent.";

/** Of the platform alone. */
const internal = {
  customBaseFontSize: orNull(Type.Integer({ minimum: 0, maximum: FONT_SIZE_MAX })),
  whitelabelHeaders: flag(
    "At Svix: headers are `webhook-…` instead of `svix-…`. Changes nothing here, on or off: every request has the " +
      "`webhook-…` headers of Standard Webhooks, and `sendSvixWebhookHeaders` adds `svix-…` beside them.",
  ),
  enableMsgAtmptLog: without(
    "every attempt is told to operational endpoints",
    "those that name `message.attempt.log` among their events are told, whatever this says",
  ),
  enableOtlp: without("attempts are traced to a collector", "traces are not sent"),
  eventCatalogPublished: without(
    "the event catalog is a public page",
    "there is no such page; event types are read with an API key or a portal token",
  ),
  enableApplicationAlerts: without(
    "applications are sent mail",
    "no mail is sent; operational webhooks tell",
  ),
  applicationAlertEvents: Type.Array(
    oneOf(["endpoint.disabled", "message.attempt.exhausted", "stream.sink.disabled"]),
    {
      default: [],
      maxItems: 10,
      description: "At Svix: what mail is sent about. Kept and shown, without effect here: no mail is sent.",
    },
  ),
  applicationAlertsDashboardUrl: orNull({ ...Link, description: OF_MAIL }),
  applicationAlertsLogoUrl: orNull({ ...Link, description: OF_MAIL }),
  webhooksAutoConfig: without("receivers make their endpoints themselves", "there is no such protocol"),
  mcpToken: without("tokens for MCP servers are offered", "there are none"),
};

const SETTINGS: Readonly<Record<string, TSchema & { default?: unknown }>> = {
  ...followed,
  ...shown,
  ...internal,
};
export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS);
export const SHOWN_NAMES: readonly string[] = Object.keys(shown);

const RetentionDays = Type.Integer({
  minimum: 1,
  maximum: RETENTION_DAYS_MAX,
  description:
    "Messages and attempts older than this are deleted; stays as it is when left out. An addition to Svix's contract.",
});

const given = {
  ...Object.fromEntries(Object.entries(SETTINGS).map(([name, schema]) => [name, Type.Optional(schema)])),
  retentionDays: Type.Optional(RetentionDays),
};

type Given = Readonly<Record<string, unknown>> & { readonly retentionDays?: number };
const typed = (name: string, schema: TObject) => named(name, Type.Unsafe<Given>(schema));

export const SettingsInternalIn = typed("SettingsInternalIn", Type.Object(given));
export const SettingsInternalPatch = typed("SettingsInternalPatch", Type.Object(given));
/** Svix's own marks, which no portal here shows. */
const unbranded = { showSvixBrandFooter: Type.Boolean({ description: "Always false." }) };

export const SettingsInternalOut = named(
  "SettingsInternalOut",
  Type.Object({
    ...SETTINGS,
    retentionDays: RetentionDays,
    ...unbranded,
    whitelabelLogo: nullable({ ...Link, description: "Always null: `customLogoUrl` is what is shown." }),
  }),
);
export const EnvironmentSettingsOut = named(
  "EnvironmentSettingsOut",
  Type.Object({
    ...shown,
    logoUrl: nullable({ ...Link, description: "The same as `customLogoUrl`." }),
    enableMessageTags: Type.Boolean({ description: "Always true: messages can have tags." }),
    ...unbranded,
  }),
);

/** What has a default has it here. */
export function defaultOf(name: string): unknown {
  return SETTINGS[name]?.default ?? null;
}

export type SettingsGiven = Static<typeof SettingsInternalIn>;
