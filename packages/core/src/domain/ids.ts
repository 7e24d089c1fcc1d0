/** Prefixes of our ids; after each come 27 base-62 characters (see ksuid.ts). */
export const ID_PREFIX = {
  environment: "env_",
  apiKey: "key_",
  dataKey: "dkey_",
  application: "app_",
  endpoint: "ep_",
  message: "msg_",
  attempt: "atmpt_",
  task: "qtask_",
  lease: "node_",
  pollingEndpoint: "sink_",
  assertion: "jti_",
} as const;

/** What a person may choose as `uid`, event type name or event id. Same as Svix's contract. */
export const NAME_PATTERN = "^[a-zA-Z0-9\\-_.]+$";
export const NAME_MAX_CHARS = 256;
export const CHANNEL_PATTERN = "^[a-zA-Z0-9\\-_.:+]+$";
export const CHANNEL_MAX_CHARS = 128;
export const TAG_PATTERN = "^[a-zA-Z0-9\\-_./\\\\#]+$";
