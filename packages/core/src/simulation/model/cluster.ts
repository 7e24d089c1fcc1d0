import type { ClusterStore } from "../../storage/port.ts";
import type { ModelState } from "./state.ts";
import type { Sync } from "./sync.ts";

/** The nodes that share the model store. */
export function modelCluster(state: ModelState): Sync<ClusterStore> {
  return {
    join: ({ id, role }) => void state.nodes.set(id, { role, beats: 0, dead: false }),
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
      return { appIds: [...new Set(state.changes.slice(from))], cursor: String(state.changes.length) };
    },
  };
}
