import type { Application } from "../../domain/application.ts";
import type { Attempt } from "../../domain/attempt.ts";
import type { Endpoint } from "../../domain/endpoint.ts";
import type { Credential } from "../../domain/credential.ts";
import type { Environment } from "../../domain/environment.ts";
import type { EventType } from "../../domain/event-type.ts";
import type { Message } from "../../domain/message.ts";
import type { PollingConsumer, PollingEndpoint } from "../../domain/polling-endpoint.ts";
import type { Task } from "../../domain/task.ts";
import type { DataKey, IdempotentAnswer } from "../port.ts";
import {
  type Classification,
  sealedAccess,
  sealedMap,
  sealedSecrets,
  sealedText,
  sealedTransformation,
} from "./fields.ts";

export const ENDPOINT: Classification<Endpoint> = {
  id: "plain",
  appId: "plain",
  uid: "plain",
  url: "plain",
  description: "plain",
  throttleRate: "plain",
  eventTypes: "plain",
  channels: "plain",
  disabled: "plain",
  disabledReason: "plain",
  disabledAt: "plain",
  failingSince: "plain",
  secrets: sealedSecrets,
  headers: sealedMap,
  transformation: sealedTransformation,
  access: sealedAccess,
  metadata: "plain",
  fifo: "plain",
  timeoutMs: "plain",
  retryScheduleMs: "plain",
  createdAt: "plain",
  updatedAt: "plain",
};

export const ANSWER: Classification<IdempotentAnswer> = {
  environmentId: "plain",
  scope: "plain",
  bodyHash: "plain",
  createdAt: "plain",
  statusCode: "plain",
  // May show a secret that is shown once.
  body: sealedText,
};

type AllPlain<Entity> = { readonly [Field in keyof Entity]-?: "plain" };

/** Records without anything to seal. */
export const PLAIN = {
  environment: {
    id: "plain",
    name: "plain",
    type: "plain",
    retentionDays: "plain",
    settings: "plain",
    createdAt: "plain",
    updatedAt: "plain",
  } satisfies AllPlain<Environment>,
  // The text itself is not in it: only its hash.
  credential: {
    id: "plain",
    environmentId: "plain",
    hash: "plain",
    kind: "plain",
    prefix: "plain",
    name: "plain",
    scopes: "plain",
    appId: "plain",
    sessionId: "plain",
    featureFlags: "plain",
    expiresAt: "plain",
    createdAt: "plain",
  } satisfies AllPlain<Credential>,
  pollingEndpoint: {
    id: "plain",
    appId: "plain",
    environmentId: "plain",
    uid: "plain",
    eventTypes: "plain",
    metadata: "plain",
    createdAt: "plain",
    updatedAt: "plain",
  } satisfies AllPlain<PollingEndpoint>,
  pollingConsumer: {
    appId: "plain",
    endpointId: "plain",
    name: "plain",
    position: "plain",
    leasedTo: "plain",
    leasedUntil: "plain",
    version: "plain",
  } satisfies AllPlain<PollingConsumer>,
  task: {
    id: "plain",
    environmentId: "plain",
    status: "plain",
    work: "plain",
    progress: "plain",
    createdAt: "plain",
    updatedAt: "plain",
  } satisfies AllPlain<Task>,
  dataKey: {
    environmentId: "plain",
    id: "plain",
    masterKeyId: "plain",
    wrapped: "plain",
    complete: "plain",
    createdAt: "plain",
  } satisfies AllPlain<DataKey>,
  application: {
    id: "plain",
    environmentId: "plain",
    uid: "plain",
    name: "plain",
    throttleRate: "plain",
    metadata: "plain",
    createdAt: "plain",
    updatedAt: "plain",
  } satisfies AllPlain<Application>,
  eventType: {
    environmentId: "plain",
    name: "plain",
    description: "plain",
    archived: "plain",
    deprecated: "plain",
    schemas: "plain",
    groupName: "plain",
    featureFlags: "plain",
    retryScheduleMs: "plain",
    createdAt: "plain",
    updatedAt: "plain",
  } satisfies AllPlain<EventType>,
  message: {
    id: "plain",
    appId: "plain",
    eventType: "plain",
    eventId: "plain",
    channels: "plain",
    tags: "plain",
    payload: "plain",
    payloadExpiresAt: "plain",
    createdAt: "plain",
    deliverAt: "plain",
  } satisfies AllPlain<Message>,
  attempt: {
    id: "plain",
    appId: "plain",
    endpointId: "plain",
    messageId: "plain",
    url: "plain",
    timestamp: "plain",
    status: "plain",
    trigger: "plain",
    statusCode: "plain",
    errorClass: "plain",
    durationMs: "plain",
    deliveryState: "plain",
    nextAttemptAt: "plain",
    responseBody: "plain",
    // Its request headers come without the values that an endpoint adds (engine/attempt.ts).
    detail: "plain",
  } satisfies AllPlain<Attempt>,
};
