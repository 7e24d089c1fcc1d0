/** Every operation of the API. What is not listed here is not served. */
import type { Route } from "../route.ts";
import { createApplication } from "./application/create.ts";
import { deleteApplication } from "./application/delete.ts";
import { getApplication } from "./application/get.ts";
import { listApplications } from "./application/list.ts";
import { patchApplication } from "./application/patch.ts";
import { upsertApplication } from "./application/upsert.ts";
import { countAttemptsByEndpoint } from "./attempt/count.ts";
import { expungeAttempt } from "./attempt/expunge.ts";
import { getAttempt } from "./attempt/get.ts";
import { getAttemptHeaders } from "./attempt/headers.ts";
import { listAttemptsByEndpoint } from "./attempt/list-by-endpoint.ts";
import { listAttemptsByMessage } from "./attempt/list-by-message.ts";
import { listAttemptedDestinations } from "./attempt/list-destinations.ts";
import { listAttemptedMessages } from "./attempt/list-messages.ts";
import { resendMessage } from "./attempt/resend.ts";
import { createEndpoint } from "./endpoint/create.ts";
import { deleteEndpoint } from "./endpoint/delete.ts";
import { getEndpoint } from "./endpoint/get.ts";
import { getEndpointHeaders } from "./endpoint/headers-get.ts";
import { patchEndpointHeaders } from "./endpoint/headers-patch.ts";
import { setEndpointHeaders } from "./endpoint/headers-set.ts";
import { listEndpoints } from "./endpoint/list.ts";
import { patchEndpoint } from "./endpoint/patch.ts";
import { getEndpointRateLimitStatus } from "./endpoint/rate-limit-status.ts";
import { getEndpointSecret } from "./endpoint/secret-get.ts";
import { rotateEndpointSecret } from "./endpoint/secret-rotate.ts";
import { sendExample } from "./endpoint/send-example.ts";
import { getEndpointStats } from "./endpoint/stats.ts";
import { upsertEndpoint } from "./endpoint/upsert.ts";
import { createEventType } from "./event-type/create.ts";
import { deleteEventType } from "./event-type/delete.ts";
import { getEventType } from "./event-type/get.ts";
import { listEventTypes } from "./event-type/list.ts";
import { patchEventType } from "./event-type/patch.ts";
import { upsertEventType } from "./event-type/upsert.ts";
import { getHealth } from "./health/get.ts";
import { ping } from "./health/ping.ts";
import { createMessageBatch } from "./message/batch.ts";
import { createMessage } from "./message/create.ts";
import { expungeMessage } from "./message/expunge.ts";
import { getMessage } from "./message/get.ts";
import { listMessages } from "./message/list.ts";
import { getMetrics } from "./metrics/get.ts";
import { getOpenapi } from "./openapi/get.ts";

export const routes: readonly Route[] = [
  listApplications,
  createApplication,
  getApplication,
  upsertApplication,
  patchApplication,
  deleteApplication,
  listEndpoints,
  createEndpoint,
  getEndpoint,
  upsertEndpoint,
  patchEndpoint,
  deleteEndpoint,
  getEndpointHeaders,
  setEndpointHeaders,
  patchEndpointHeaders,
  getEndpointSecret,
  rotateEndpointSecret,
  getEndpointStats,
  getEndpointRateLimitStatus,
  sendExample,
  listEventTypes,
  createEventType,
  getEventType,
  upsertEventType,
  patchEventType,
  deleteEventType,
  listMessages,
  createMessage,
  createMessageBatch,
  getMessage,
  expungeMessage,
  listAttemptsByEndpoint,
  countAttemptsByEndpoint,
  listAttemptedMessages,
  listAttemptedDestinations,
  listAttemptsByMessage,
  getAttempt,
  getAttemptHeaders,
  expungeAttempt,
  resendMessage,
  getHealth,
  ping,
  getMetrics,
  getOpenapi,
];
