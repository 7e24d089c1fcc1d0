import { openConnection } from "../connection.ts";
import type { EncodedBatch } from "../batch.ts";
import type { WorkerFiles } from "../files.ts";
import { lockDirectory } from "../lock.ts";
import { migrate } from "../migrate.ts";
import { AcceptWriter } from "./accept.ts";
import { ApplicationWriter } from "./applications.ts";
import { ClaimWriter } from "./claim.ts";
import { ContentWriter } from "./contents.ts";
import { commitBatch } from "./commit.ts";
import { DataKeyWriter } from "./data-keys.ts";
import { EndpointWriter } from "./endpoints.ts";
import { EnvironmentWriter } from "./environments.ts";
import { EventTypeWriter } from "./event-types.ts";
import { Idempotency } from "./idempotency.ts";
import { LeaseWriter } from "./leases.ts";
import { IdleWork } from "./idle.ts";
import { ListIndex } from "./list-index.ts";
import { OrphanWriter } from "./orphans.ts";
import { PruneWriter } from "./prune.ts";
import { SettleWriter } from "./settle.ts";
import { Space } from "./space.ts";
import { WriterDatabase } from "./writer-database.ts";

const CACHE_KIB = 24_576;

/** What the writing thread answers: every write, one transaction each. */
export function createWriter(files: WorkerFiles) {
  const lock = lockDirectory(files.lock);
  const db = openConnection({ path: files.database, readOnly: false, cacheKib: CACHE_KIB });
  migrate(db);
  const database = new WriterDatabase(db);
  const space = new Space(db, files);
  const idempotency = new Idempotency(database);
  const lists = new ListIndex(database);
  const parts = {
    database,
    space,
    lists,
    accepts: new AcceptWriter(database, { idempotency, lists }),
    settles: new SettleWriter(database, lists),
  };
  const idle = new IdleWork(database, lists);
  const claims = new ClaimWriter(database);
  const leases = new LeaseWriter(database, idempotency);
  const applications = new ApplicationWriter(database, idempotency);
  const endpoints = new EndpointWriter(database, idempotency);
  const eventTypes = new EventTypeWriter(database, idempotency);
  const prunes = new PruneWriter(database, lists);
  const contents = new ContentWriter(database);
  const orphans = new OrphanWriter(database, lists);
  const environments = new EnvironmentWriter(database, eventTypes);
  const dataKeys = new DataKeyWriter(database);
  return {
    commit: (batch: EncodedBatch) => commitBatch(parts, batch),
    claimDue: claims.claimDue.bind(claims),
    releaseLeases: leases.releaseLeases.bind(leases),
    resend: leases.resend.bind(leases),
    resumePaused: leases.resumePaused.bind(leases),
    insertApplication: applications.insert.bind(applications),
    updateApplication: applications.update.bind(applications),
    deleteApplication: applications.delete.bind(applications),
    insertEndpoint: endpoints.insert.bind(endpoints),
    updateEndpoint: endpoints.update.bind(endpoints),
    deleteEndpoint: endpoints.delete.bind(endpoints),
    insertEventType: eventTypes.insert.bind(eventTypes),
    updateEventType: eventTypes.update.bind(eventTypes),
    deleteEventType: eventTypes.delete.bind(eventTypes),
    ensureEnvironment: environments.ensure.bind(environments),
    insertApiKey: environments.insertApiKey.bind(environments),
    findAnswer: idempotency.findAnswer.bind(idempotency),
    ensureDataKey: dataKeys.ensure.bind(dataKeys),
    updateDataKey: dataKeys.update.bind(dataKeys),
    forgetExpiredKeys: idempotency.forgetExpired.bind(idempotency),
    fillLists: prunes.fillLists.bind(prunes),
    prune: prunes.prune.bind(prunes),
    expungeMessages: contents.expungeMessages.bind(contents),
    expungeAttempt: contents.expungeAttempt.bind(contents),
    cancelOrphans: orphans.cancelOrphans.bind(orphans),
    health() {
      idle.run();
      return space.health();
    },
    dueDeliveries: () => database.dueDeliveries,
    close(): void {
      database.foldLog();
      db.close();
      lock.close();
    },
  };
}

export type Writer = ReturnType<typeof createWriter>;
