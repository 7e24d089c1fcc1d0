import type { DatabaseSync } from "node:sqlite";
import type { Page } from "../../port.ts";
import { ordinary } from "../../ordinary.ts";
import { APPLICATION_COLUMNS, type ApplicationRow } from "../rows/application.ts";
import { DATA_KEY_COLUMNS, type DataKeyRow } from "../rows/data-key.ts";
import { ENDPOINT_COLUMNS, type EndpointRow } from "../rows/endpoint.ts";
import { ENVIRONMENT_COLUMNS, type EnvironmentRow } from "../rows/environment.ts";
import { EVENT_TYPE_COLUMNS, type EventTypeRow } from "../rows/event-type.ts";
import { IN_LIVING } from "../living.ts";
import { query } from "../values.ts";
import { credentialReads } from "./credentials.ts";
import { pagedQuery } from "./paged-query.ts";

/** Reads of everything that is configured rather than sent. */
export function controlPlaneReads(db: DatabaseSync) {
  return {
    ...environmentReads(db),
    ...credentialReads(db),
    ...applicationReads(db),
    ...endpointReads(db),
    ...eventTypeReads(db),
  };
}

function environmentReads(db: DatabaseSync) {
  const select = `SELECT ${ENVIRONMENT_COLUMNS} FROM environment WHERE deleted IS NULL`;
  const list = query<EnvironmentRow>(db, `${select} ORDER BY id`);
  const find = query<EnvironmentRow>(db, `${select} AND id = ?`);
  const listDeleted = query<[id: string, deletedAt: number]>(
    db,
    "SELECT id, updated_at FROM environment WHERE deleted = 1 ORDER BY id",
  );
  const listDataKeys = query<DataKeyRow>(
    db,
    `SELECT ${DATA_KEY_COLUMNS} FROM data_key ORDER BY environment_id`,
  );
  return {
    listEnvironments: () => list.all(),
    listDeletedEnvironments: () => listDeleted.all(),
    findEnvironment: (id: string) => find.get(id) ?? null,
    listDataKeys: () => listDataKeys.all(),
  };
}

function applicationReads(db: DatabaseSync) {
  const select = `SELECT ${APPLICATION_COLUMNS} FROM application
    WHERE environment_id = ? AND deleted = 0 AND ${IN_LIVING} AND ${ordinary()}`;
  const find = query<ApplicationRow>(db, `${select} AND id = ?`);
  const findByUid = query<ApplicationRow>(db, `${select} AND uid = ?`);
  const findById = query<ApplicationRow>(
    db,
    `SELECT ${APPLICATION_COLUMNS} FROM application WHERE id = ? AND deleted = 0 AND ${IN_LIVING}`,
  );
  const list = pagedQuery<ApplicationRow>(db, { select, column: "id" });
  return {
    findApplication: ({ environmentId, ref }: { environmentId: string; ref: string }) =>
      find.get(environmentId, ref) ?? findByUid.get(environmentId, ref) ?? null,
    findApplicationById: (id: string) => findById.get(id) ?? null,
    listApplications: ({ environmentId, page }: { environmentId: string; page: Page }) =>
      list(page, environmentId),
  };
}

function endpointReads(db: DatabaseSync) {
  const select = `SELECT ${ENDPOINT_COLUMNS} FROM endpoint WHERE app_id = ? AND deleted = 0`;
  const listAll = query<EndpointRow>(db, `${select} ORDER BY id`);
  const list = pagedQuery<EndpointRow>(db, { select, column: "id" });
  return {
    listAllEndpoints: (appId: string) => listAll.all(appId),
    listEndpoints: ({ appId, page }: { appId: string; page: Page }) => list(page, appId),
  };
}

function eventTypeReads(db: DatabaseSync) {
  const select = `SELECT ${EVENT_TYPE_COLUMNS} FROM event_type WHERE environment_id = ?`;
  const find = query<EventTypeRow>(db, `${select} AND name = ?`);
  const list = pagedQuery<EventTypeRow>(db, { select, column: "name" });
  const listLive = pagedQuery<EventTypeRow>(db, { select: `${select} AND archived = 0`, column: "name" });
  const listRetrySchedules = query<[name: string, waits: string]>(
    db,
    "SELECT name, retry_schedule_ms FROM event_type WHERE environment_id = ? AND retry_schedule_ms IS NOT NULL",
  );
  return {
    listRetrySchedules: (environmentId: string) => listRetrySchedules.all(environmentId),
    findEventType: ({ environmentId, name }: { environmentId: string; name: string }) =>
      find.get(environmentId, name) ?? null,
    findMissingEventTypes: ({ environmentId, names }: { environmentId: string; names: readonly string[] }) =>
      names.filter((name) => find.get(environmentId, name) === undefined),
    listEventTypes: (request: { environmentId: string; page: Page; includeArchived: boolean }) =>
      (request.includeArchived ? list : listLive)(request.page, request.environmentId),
  };
}
