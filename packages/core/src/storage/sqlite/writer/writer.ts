import { openConnection } from "../connection.ts";
import type { EncodedBatch } from "../batch.ts";
import type { WorkerFiles } from "../files.ts";
import { lockDirectory } from "../lock.ts";
import { migrate } from "../migrate.ts";
import { AcceptWriter } from "./accept.ts";
import { ApplicationWriter } from "./applications.ts";
import { CancellationWriter } from "./cancellations.ts";
import { ClaimWriter } from "./claim.ts";
import { ContentWriter } from "./contents.ts";
import { commitBatch } from "./commit.ts";
import { CredentialWriter } from "./credentials.ts";
import { DataKeyWriter } from "./data-keys.ts";
import { EndpointWriter } from "./endpoints.ts";
import { eraseTraces } from "./erase-traces.ts";
import { EnvironmentWriter } from "./environments.ts";
import { EventTypeWriter } from "./event-types.ts";
import { Idempotency } from "./idempotency.ts";
import { LeaseWriter } from "./leases.ts";
import { IdleWork } from "./idle.ts";
import { ListIndex } from "./list-index.ts";
import { OrphanWriter } from "./orphans.ts";
import { PollingWriter } from "./polling.ts";
import { EnvironmentPurger } from "./purge-environment.ts";
import { PruneWriter } from "./prune.ts";
import { SettleWriter } from "./settle.ts";
import { Space } from "./space.ts";
import { TaskWriter } from "./tasks.ts";
import { WipeWriter } from "./wipe.ts";
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
    wipes: new WipeWriter(database),
  };
  const idle = new IdleWork(database, lists);
  const claims = new ClaimWriter(database);
  const leases = new LeaseWriter(database, idempotency);
  const prunes = new PruneWriter(database, lists);
  const contents = new ContentWriter(database);
  const tasks = new TaskWriter(database, { idempotency, accepts: parts.accepts });
  const orphans = new OrphanWriter(database, lists);
  const cancellations = new CancellationWriter(database, lists);
  return {
    commit: (batch: EncodedBatch) => commitBatch(parts, batch),
    claimDue: claims.claimDue.bind(claims),
    releaseLeases: leases.releaseLeases.bind(leases),
    resend: leases.resend.bind(leases),
    resumePaused: leases.resumePaused.bind(leases),
    ...controlPlane(database, { idempotency, accepts: parts.accepts }),
    findAnswer: idempotency.findAnswer.bind(idempotency),
    forgetExpiredKeys: idempotency.forgetExpired.bind(idempotency),
    fillLists: prunes.fillLists.bind(prunes),
    prune: prunes.prune.bind(prunes),
    expungeMessages: contents.expungeMessages.bind(contents),
    expungeAttempt: contents.expungeAttempt.bind(contents),
    wipePayloads: parts.wipes.wipe.bind(parts.wipes),
    forgetWipes: parts.wipes.forget.bind(parts.wipes),
    insertTask: tasks.insertTask.bind(tasks),
    claimTask: tasks.claimTask.bind(tasks),
    stepTask: tasks.stepTask.bind(tasks),
    cancelTask: tasks.cancelTask.bind(tasks),
    cancelOrphans: orphans.cancelOrphans.bind(orphans),
    cancelOwed: cancellations.cancelOwed.bind(cancellations),
    eraseTraces: () => eraseTraces(database, files),
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

/** The writes of people and their programs, beside those of deliveries. */
function controlPlane(
  database: WriterDatabase,
  { idempotency, accepts }: { idempotency: Idempotency; accepts: AcceptWriter },
) {
  const applications = new ApplicationWriter(database, idempotency);
  const endpoints = new EndpointWriter(database, { idempotency, accepts });
  const eventTypes = new EventTypeWriter(database, idempotency);
  const polling = new PollingWriter(database, idempotency);
  const credentials = new CredentialWriter(database);
  const environments = new EnvironmentWriter(database, { eventTypes, idempotency });
  const purger = new EnvironmentPurger(database);
  const dataKeys = new DataKeyWriter(database);
  return {
    ensureDataKey: dataKeys.ensure.bind(dataKeys),
    updateDataKey: dataKeys.update.bind(dataKeys),
    insertApplication: applications.insert.bind(applications),
    ensureApplication: applications.ensure.bind(applications),
    updateApplication: applications.update.bind(applications),
    deleteApplication: applications.delete.bind(applications),
    insertEndpoint: endpoints.insert.bind(endpoints),
    updateEndpoint: endpoints.update.bind(endpoints),
    deleteEndpoint: endpoints.delete.bind(endpoints),
    insertEventType: eventTypes.insert.bind(eventTypes),
    updateEventType: eventTypes.update.bind(eventTypes),
    deleteEventType: eventTypes.delete.bind(eventTypes),
    ensureEnvironment: environments.ensure.bind(environments),
    insertEnvironment: environments.insert.bind(environments),
    deleteEnvironment: environments.delete.bind(environments),
    purgeEnvironment: purger.purge.bind(purger),
    updateEnvironment: environments.update.bind(environments),
    insertPollingEndpoint: polling.insert.bind(polling),
    deletePollingEndpoint: polling.delete.bind(polling),
    sequencePolled: polling.sequence.bind(polling),
    savePollingConsumer: polling.saveConsumer.bind(polling),
    prunePolled: polling.prune.bind(polling),
    insertCredential: credentials.insert.bind(credentials),
    insertFirstKey: credentials.insertFirst.bind(credentials),
    updateCredential: credentials.update.bind(credentials),
    expireCredential: credentials.expire.bind(credentials),
    expireCredentialsOfApplication: credentials.expireOfApplication.bind(credentials),
    redeemCredential: credentials.redeem.bind(credentials),
  };
}

export type Writer = ReturnType<typeof createWriter>;
