/** Every operation of the API. What is not listed here is not served. */
import type { Route } from "../route.ts";
import { createApiToken } from "./api-token/create.ts";
import { expireApiToken } from "./api-token/expire.ts";
import { getApiToken } from "./api-token/get.ts";
import { listApiTokens } from "./api-token/list.ts";
import { patchApiToken } from "./api-token/patch.ts";
import { updateApiToken } from "./api-token/update.ts";
import { getApplicationAttemptStats } from "./application/attempt-stats.ts";
import { countActiveApplications } from "./application/count-active.ts";
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
import { createDestination } from "./destination/create.ts";
import { deleteDestination } from "./destination/delete.ts";
import { getDestination } from "./destination/get.ts";
import { listDestinations } from "./destination/list.ts";
import { expireTokens } from "./authentication/expire-all.ts";
import { logout } from "./authentication/logout.ts";
import { createMessageToken } from "./authentication/message-token.ts";
import { exchangeOneTimeToken } from "./authentication/one-time-token.ts";
import { createPortalAccess } from "./authentication/portal-access.ts";
import { whoami } from "./authentication/whoami.ts";
import { cancelBackgroundTask } from "./background-task/cancel.ts";
import { getBackgroundTask } from "./background-task/get.ts";
import { listBackgroundTasks } from "./background-task/list.ts";
import { bulkReplay } from "./endpoint/bulk-replay.ts";
import { cancelEndpointMessages } from "./endpoint/cancel-messages.ts";
import { createEndpoint } from "./endpoint/create.ts";
import { deleteEndpoint } from "./endpoint/delete.ts";
import { getEndpoint } from "./endpoint/get.ts";
import { getEndpointHeaders } from "./endpoint/headers-get.ts";
import { patchEndpointHeaders } from "./endpoint/headers-patch.ts";
import { setEndpointHeaders } from "./endpoint/headers-set.ts";
import { listEndpoints } from "./endpoint/list.ts";
import { patchEndpoint } from "./endpoint/patch.ts";
import { getEndpointRateLimitStatus } from "./endpoint/rate-limit-status.ts";
import { recoverEndpoint } from "./endpoint/recover.ts";
import { replayMissing } from "./endpoint/replay-missing.ts";
import { getEndpointSecret } from "./endpoint/secret-get.ts";
import { rotateEndpointSecret } from "./endpoint/secret-rotate.ts";
import { getEndpointServerCa } from "./endpoint/ca-get.ts";
import { setEndpointServerCa } from "./endpoint/ca-set.ts";
import { getEndpointMtlsConfig } from "./endpoint/mtls-config-get.ts";
import { deleteEndpointMtls } from "./endpoint/mtls-delete.ts";
import { getEndpointMtls } from "./endpoint/mtls-get.ts";
import { setEndpointMtls } from "./endpoint/mtls-set.ts";
import { getEndpointOauthConfig } from "./endpoint/oauth-config-get.ts";
import { deleteEndpointOauth } from "./endpoint/oauth-delete.ts";
import { getEndpointOauth } from "./endpoint/oauth-get.ts";
import { setEndpointOauth } from "./endpoint/oauth-set.ts";
import { getEndpointTransformation } from "./endpoint/transformation-get.ts";
import { patchEndpointTransformation } from "./endpoint/transformation-patch.ts";
import { simulateEndpointTransformation } from "./endpoint/transformation-simulate.ts";
import { sendExample } from "./endpoint/send-example.ts";
import { getEndpointStats } from "./endpoint/stats.ts";
import { upsertEndpoint } from "./endpoint/upsert.ts";
import { getEnvironmentSettings } from "./environment-settings/get.ts";
import { patchEnvironmentSettings } from "./environment-settings/patch.ts";
import { updateEnvironmentSettings } from "./environment-settings/update.ts";
import { createEnvironment } from "./environment/create.ts";
import { deleteEnvironment } from "./environment/delete.ts";
import { getEnvironment } from "./environment/get.ts";
import { listEnvironments } from "./environment/list.ts";
import { updateEnvironment } from "./environment/update.ts";
import { exportEnvironment } from "./environment/export.ts";
import { importEnvironment } from "./environment/import.ts";
import { getShownSettings } from "./environment/get-settings.ts";
import { createEventType } from "./event-type/create.ts";
import { deleteEventType } from "./event-type/delete.ts";
import { exportOpenapi, readOpenapiExport } from "./event-type/export-openapi.ts";
import { getEventType } from "./event-type/get.ts";
import { importOpenapi } from "./event-type/import-openapi.ts";
import { listEventTypes } from "./event-type/list.ts";
import { patchEventType } from "./event-type/patch.ts";
import { getRetrySchedule } from "./event-type/retry-schedule-get.ts";
import { setRetrySchedule } from "./event-type/retry-schedule-set.ts";
import { upsertEventType } from "./event-type/upsert.ts";
import { getHealth } from "./health/get.ts";
import { ping } from "./health/ping.ts";
import { createMessageBatch } from "./message/batch.ts";
import { bulkExpungeMessages } from "./message/bulk-expunge.ts";
import { broadcastMessage } from "./message/broadcast.ts";
import { cancelMessage } from "./message/cancel.ts";
import { createMessage } from "./message/create.ts";
import { expungeAllMessages } from "./message/expunge-all.ts";
import { expungeMessage } from "./message/expunge.ts";
import { listEvents } from "./message/events.ts";
import { getMessage } from "./message/get.ts";
import { listMessages } from "./message/list.ts";
import { searchMessages } from "./message/search.ts";
import { testAttempt } from "./message/test-attempt.ts";
import { precheckMessage } from "./message/precheck.ts";
import { getRawPayload } from "./message/raw.ts";
import { getMetrics } from "./metrics/get.ts";
import { getOpenapi } from "./openapi/get.ts";
import { createOperationalEndpoint } from "./operational-webhook/create.ts";
import { deleteOperationalEndpoint } from "./operational-webhook/delete.ts";
import { getOperationalEndpoint } from "./operational-webhook/get.ts";
import { getOperationalEndpointHeaders } from "./operational-webhook/headers-get.ts";
import { setOperationalEndpointHeaders } from "./operational-webhook/headers-set.ts";
import { listOperationalEndpoints } from "./operational-webhook/list.ts";
import { getOperationalEndpointSecret } from "./operational-webhook/secret-get.ts";
import { rotateOperationalEndpointSecret } from "./operational-webhook/secret-rotate.ts";
import { upsertOperationalEndpoint } from "./operational-webhook/upsert.ts";
import { consumerPoll } from "./poller/consumer-poll.ts";
import { consumerSeek } from "./poller/consumer-seek.ts";
import { poll } from "./poller/poll.ts";
import { commitV2 } from "./poller/v2-commit.ts";
import { pollV2 } from "./poller/v2-poll.ts";
import { aggregateApplicationStats } from "./statistics/aggregate-app-stats.ts";
import { aggregateEventTypes } from "./statistics/aggregate-event-types.ts";
import { countApplicationAttempts } from "./statistics/app-attempts.ts";
import { countEndpoints } from "./statistics/endpoint-count.ts";

export const routes: readonly Route[] = [
  listApplications,
  countActiveApplications,
  getApplicationAttemptStats,
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
  getEndpointOauth,
  getEndpointOauthConfig,
  setEndpointOauth,
  deleteEndpointOauth,
  getEndpointMtls,
  getEndpointMtlsConfig,
  setEndpointMtls,
  deleteEndpointMtls,
  getEndpointServerCa,
  setEndpointServerCa,
  getEndpointTransformation,
  patchEndpointTransformation,
  simulateEndpointTransformation,
  getEndpointStats,
  getEndpointRateLimitStatus,
  sendExample,
  recoverEndpoint,
  replayMissing,
  bulkReplay,
  cancelEndpointMessages,
  listEventTypes,
  createEventType,
  getEventType,
  upsertEventType,
  patchEventType,
  deleteEventType,
  getRetrySchedule,
  setRetrySchedule,
  importOpenapi,
  readOpenapiExport,
  exportOpenapi,
  listMessages,
  createMessage,
  createMessageBatch,
  searchMessages,
  bulkExpungeMessages,
  expungeAllMessages,
  getMessage,
  getRawPayload,
  precheckMessage,
  listEvents,
  expungeMessage,
  cancelMessage,
  broadcastMessage,
  testAttempt,
  listAttemptsByEndpoint,
  countAttemptsByEndpoint,
  listAttemptedMessages,
  listAttemptedDestinations,
  listAttemptsByMessage,
  getAttempt,
  getAttemptHeaders,
  expungeAttempt,
  resendMessage,
  listDestinations,
  createDestination,
  getDestination,
  deleteDestination,
  poll,
  consumerPoll,
  consumerSeek,
  pollV2,
  commitV2,
  listOperationalEndpoints,
  createOperationalEndpoint,
  getOperationalEndpoint,
  upsertOperationalEndpoint,
  deleteOperationalEndpoint,
  getOperationalEndpointHeaders,
  setOperationalEndpointHeaders,
  getOperationalEndpointSecret,
  rotateOperationalEndpointSecret,
  createPortalAccess,
  exchangeOneTimeToken,
  createMessageToken,
  expireTokens,
  logout,
  whoami,
  listApiTokens,
  createApiToken,
  getApiToken,
  updateApiToken,
  patchApiToken,
  expireApiToken,
  getShownSettings,
  listEnvironments,
  createEnvironment,
  getEnvironment,
  updateEnvironment,
  deleteEnvironment,
  exportEnvironment,
  importEnvironment,
  getEnvironmentSettings,
  updateEnvironmentSettings,
  patchEnvironmentSettings,
  listBackgroundTasks,
  getBackgroundTask,
  cancelBackgroundTask,
  aggregateEventTypes,
  aggregateApplicationStats,
  countEndpoints,
  countApplicationAttempts,
  getHealth,
  ping,
  getMetrics,
  getOpenapi,
];
