import type { Endpoint } from "../../domain/endpoint.ts";
import { wants } from "../../domain/filter.ts";
import { TASK_BACKLOG_MAX, TASK_PAGE } from "../../domain/limits.ts";
import type { Message } from "../../domain/message.ts";
import type { ReplayFilter, ReplayWork } from "../../domain/task.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Store } from "../../storage/port.ts";
import type { Standing } from "../../storage/port-overview.ts";
import type { RoutedApplication } from "../engine.ts";
import { ended, goesOn, type StepResult, type TaskOf } from "./task-step.ts";

/**
 * One page of a replay, oldest messages first. It waits while enough of the endpoint is due already: so a replay never
 * lies in front of more than a small part of live traffic, and stops where its endpoint does not keep up.
 */
export async function replayStep(
  { work, progress }: TaskOf<ReplayWork>,
  { store, runtime, routed }: { store: Store; runtime: Runtime; routed: RoutedApplication | null },
): Promise<StepResult> {
  const { appId, endpointId, since, until, filter } = work;
  const endpoint = routed?.endpoints.find(({ id }) => id === endpointId);
  if (endpoint === undefined) return ended(progress, "The endpoint was deleted.");
  if (endpoint.disabled) return ended(progress, "The endpoint was disabled. Enable it, then ask again.");
  const lane = { appId, endpointId };
  const now = runtime.clock.now();
  const owed = await store.overview.countOwed({ ...lane, now, limit: TASK_BACKLOG_MAX });
  if (owed.due >= TASK_BACKLOG_MAX) return "wait";
  const messages = await store.history.listMessages({
    appId,
    page: { limit: TASK_PAGE, after: progress.after, order: "ascending" },
    after: since,
    before: until,
    channel: filter.channel,
    tag: filter.tag,
    eventTypes: filter.eventTypes,
    withPayload: false,
  });
  const last = messages.at(-1);
  if (last === undefined) return ended(progress);
  const found = await store.overview.listStandings({ ...lane, messageIds: messages.map(({ id }) => id) });
  const standings = new Map(found.map((standing) => [standing.messageId, standing]));
  const messageIds = messages
    .filter((message) => isAskedFor({ work, endpoint, message, standing: standings.get(message.id) }))
    .map(({ id }) => id);
  const made = {
    ...progress,
    after: last.id,
    looked: progress.looked + messages.length,
    done: progress.done + messageIds.length,
  };
  return goesOn(made, messageIds.length === 0 ? null : { appId, endpointId, messageIds });
}

function isAskedFor(of: {
  work: ReplayWork;
  endpoint: Endpoint;
  message: Message;
  standing: Standing | undefined;
}): boolean {
  const { work, endpoint, message, standing } = of;
  if (work.kind === "endpoint.replay") return standing === undefined && wants(endpoint, message);
  if (standing === undefined) return false;
  return work.kind === "endpoint.recover" ? standing.state === "fail" : fits(standing, work.filter);
}

const STATUS_CODE_CLASS_SIZE = 100;

/** What is still owed comes anyway. */
function fits({ state, statusCode }: Standing, { status, statusCodeClass }: ReplayFilter): boolean {
  if (state === "pending" || state === "sending") return false;
  if (status !== undefined && status !== state) return false;
  if (statusCodeClass === undefined) return true;
  const hundred = Math.floor((statusCode ?? 0) / STATUS_CODE_CLASS_SIZE) * STATUS_CODE_CLASS_SIZE;
  return hundred === statusCodeClass;
}
