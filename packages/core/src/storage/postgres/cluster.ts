import { CHANGES_FORGET_EVERY, CHANGES_FORGOTTEN_AT_ONCE } from "../../domain/limits.ts";
import type { ClusterNode, ClusterStore, NodeRole } from "../port.ts";
import type { Connection, Database } from "./database.ts";
import { SERVER_LIFE } from "./session.ts";
import { statement } from "./statement.ts";

/** A call that is repeated because its answer was lost changes nothing; a dead node of that id stays dead. */
const insertNode = statement(
  "node.insert",
  "INSERT INTO node (id, role) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
);

type NodeRow = [id: string, role: NodeRole, beats: number, dead: boolean, beaten: boolean];

/** One statement on one row beside a read of a small table. A dead node's count stands still. */
const beat = statement<NodeRow>(
  "node.beat",
  `WITH beaten AS (
     UPDATE node SET beats = beats + 1 WHERE id = $1 AND NOT dead RETURNING id, role, beats, dead)
   SELECT id, role, beats, dead, TRUE FROM beaten
   UNION ALL
   SELECT id, role, beats, dead, FALSE FROM node WHERE id NOT IN (SELECT id FROM beaten)
   ORDER BY 1`,
);

/**
 * The lock waits for the commits and claims of the node that are under way and keeps later ones out until they can
 * see that it is dead; after it the count is looked at as it is then.
 */
const declareDead = statement<[there: boolean, dead: boolean]>(
  "node.declare_dead",
  `WITH locked AS MATERIALIZED (SELECT id, beats, dead FROM node WHERE id = $1 FOR UPDATE),
   declared AS (
     UPDATE node SET dead = TRUE FROM locked
     WHERE node.id = locked.id AND (locked.dead OR locked.beats = $2) RETURNING node.id)
   SELECT EXISTS (SELECT 1 FROM locked), EXISTS (SELECT 1 FROM declared)`,
);

const removeNode = statement("node.remove", "DELETE FROM node WHERE id = $1");

const CURSOR = `concat(pg_current_snapshot(), '|', ${SERVER_LIFE})`;
const snapshotOf = (cursor: string): string => cursor.split("|", 1)[0] ?? "";
const lifeOf = (cursor: string): string => cursor.slice(cursor.indexOf("|"));

/**
 * By snapshots: numbers of transactions are given out in another order than they commit. What the last snapshot
 * did not see yet and this one does is what has changed, each exactly once. A snapshot says nothing of numbers that were
 * given out after a crash, so a cursor names the life of the server as well.
 */
const findChanges = statement<[cursor: string, ids: string[], recalled: string[]]>(
  "change.find",
  `SELECT ${CURSOR}, coalesce(array_agg(DISTINCT c.app_id), '{}'),
     coalesce(array_agg(DISTINCT c.app_id) FILTER (WHERE c.recalled), '{}') FROM change AS c
   WHERE c.xid >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(c.xid, $1::pg_snapshot)`,
);
const currentCursor = statement<[cursor: string]>("change.now", `SELECT ${CURSOR}`);

const recall = statement<[xid: string]>(
  "change.recall",
  "INSERT INTO change (app_id, recalled) VALUES ($1, TRUE) RETURNING xid::text",
);
const acknowledge = statement("node.acknowledge", "UPDATE node SET seen = $2 WHERE id = $1");
/** A dead node starts nothing, and one that only accepts holds nothing. */
const isRecalled = statement<[recalled: boolean]>(
  "node.is_recalled",
  `SELECT NOT EXISTS (
     SELECT 1 FROM node WHERE NOT dead AND role <> 'api' AND id <> $2
       AND (seen IS NULL OR split_part(seen, '|', 2) <> ${SERVER_LIFE}
         OR NOT pg_visible_in_snapshot($1::xid8, split_part(seen, '|', 1)::pg_snapshot)))`,
);

/** A node that has not asked for as long as this was declared dead long since. */
const lastSeenChange = statement<[id: number | null]>(
  "change.find_seen",
  `SELECT max(id) FROM (SELECT id, made_at FROM change ORDER BY id LIMIT $1) AS oldest
   WHERE made_at < now() - INTERVAL '1 day'`,
);
const forgetChanges = statement("change.forget", "DELETE FROM change WHERE id <= $1");

export function clusterStore({ dispatch, pulse }: Database): ClusterStore {
  let asked = 0;
  return {
    async join({ id, role }) {
      await pulse.query(insertNode, [id, role]);
    },
    async beat(id) {
      const { rows } = await pulse.query(beat, [id]);
      return { alive: rows.some(([, , , , beaten]) => beaten), nodes: rows.map(toNode) };
    },
    async declareDead({ id, beats }) {
      const [[there, dead] = [false, false]] = (await dispatch.query(declareDead, [id, beats])).rows;
      // One that is not there any more was taken over, or has stopped.
      return !there || dead;
    },
    async remove(id) {
      await dispatch.query(removeNode, [id]);
    },
    async findChanges({ after }) {
      if (after === null) {
        const [[now] = [""]] = (await dispatch.query(currentCursor, [])).rows;
        return { ids: [], recalled: [], gap: false, cursor: now };
      }
      if (++asked % CHANGES_FORGET_EVERY === 0) await forgetSeen(dispatch);
      const { rows } = await dispatch.query(findChanges, [snapshotOf(after)]);
      const [[cursor, ids, recalled] = [after, [], []]] = rows;
      return { ids, recalled, gap: lifeOf(cursor) !== lifeOf(after), cursor };
    },
    async recall({ appId }) {
      const [[xid] = [""]] = (await dispatch.query(recall, [appId])).rows;
      return xid;
    },
    async acknowledge({ id, cursor }) {
      await dispatch.query(acknowledge, [id, cursor]);
    },
    async isRecalled({ recall: xid, by }) {
      const [[recalled] = [false]] = (await dispatch.query(isRecalled, [xid, by])).rows;
      return recalled;
    },
  };
}

async function forgetSeen(dispatch: Connection): Promise<void> {
  const [[last] = [null]] = (await dispatch.query(lastSeenChange, [CHANGES_FORGOTTEN_AT_ONCE])).rows;
  if (last !== null) await dispatch.query(forgetChanges, [last]);
}

function toNode([id, role, beats, dead]: NodeRow): ClusterNode {
  return { id, role, beats, dead };
}
