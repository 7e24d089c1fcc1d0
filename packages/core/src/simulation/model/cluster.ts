import type { ClusterStore } from "../../storage/port.ts";
import type { ModelState } from "./state.ts";
import type { Sync } from "./sync.ts";

/** The nodes that share the model store. */
export function modelCluster(state: ModelState): Sync<ClusterStore> {
  return {
    join: ({ id, role }) => void state.nodes.set(id, { role, beats: 0, dead: false, seen: 0 }),
    beat(id) {
      const mine = state.nodes.get(id);
      const alive = mine !== undefined && !mine.dead;
      if (alive) mine.beats += 1;
      const nodes = [...state.nodes].map(([nodeId, { role, beats, dead }]) => ({
        id: nodeId,
        role,
        beats,
        dead,
      }));
      return { alive, nodes };
    },
    declareDead({ id, beats }) {
      const node = state.nodes.get(id);
      if (node === undefined) return true;
      if (node.beats === beats) node.dead = true;
      return node.dead;
    },
    remove: (id) => void state.nodes.delete(id),
    findChanges({ after }) {
      const from = after === null ? state.changes.length : Number(after);
      const changes = state.changes.slice(from);
      const recalled = changes.flatMap((change) => (change.recalled ? [change.id] : []));
      return {
        ids: [...new Set(changes.map(({ id }) => id))],
        recalled: [...new Set(recalled)],
        gap: false,
        cursor: String(state.changes.length),
      };
    },
    recall({ appId }) {
      state.changes.push({ id: appId, recalled: true });
      return String(state.changes.length);
    },
    acknowledge({ id, cursor }) {
      const node = state.nodes.get(id);
      if (node !== undefined) node.seen = Number(cursor);
    },
    isRecalled: ({ recall, by }) =>
      [...state.nodes].every(
        ([id, { role, dead, seen }]) => dead || role === "api" || id === by || seen >= Number(recall),
      ),
  };
}
