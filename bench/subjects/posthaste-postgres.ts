import { startPostgres } from "../../packages/core/src/storage/postgres/testing/postgres-server.ts";
import { end, makeFolder, removeFolder } from "../children.ts";
import { addEndpoints, subjectOf } from "./posthaste.ts";
import { type PosthasteNode, startNode } from "./posthaste-node.ts";
import type { Subject, SubjectOptions } from "./subject.ts";

/**
 * Memory a PostgreSQL of this size would be given; everything else as it comes, every commit on disk. The default of
 * `max_wal_size` makes it write whole pages again every few seconds under this load.
 */
export const POSTGRES_FLAGS = [
  "-c",
  "shared_buffers=512MB",
  "-c",
  "max_wal_size=4GB",
  "-c",
  "checkpoint_timeout=15min",
];

/** So many nodes on one PostgreSQL of their own, on the same cores. */
export async function startPosthasteOnPostgres(
  { endpointUrls, dataDir }: SubjectOptions,
  nodeCount: number,
): Promise<Subject> {
  const folder = makeFolder(dataDir, "posthaste-postgres");
  const postgres = await startPostgres(POSTGRES_FLAGS, dataDir);
  // On one machine they talk over its Unix socket, as an operator would have them.
  const url = `${postgres.url}/postgres?host=${encodeURIComponent(postgres.socketDirectory)}`;
  const nodes: PosthasteNode[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map(({ child }) => end(child)));
    await postgres.stop();
    removeFolder(folder);
  };
  try {
    while (nodes.length < nodeCount) {
      nodes.push(await startNode(folder, ["--database", url]));
    }
    const [first] = nodes;
    if (first !== undefined) await addEndpoints(first, { endpointUrls });
    return {
      ...subjectOf(nodes, endpointUrls.length),
      databasePids: () => [postgres.pid()],
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
