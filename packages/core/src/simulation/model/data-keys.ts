import type { DataKeyStore } from "../../storage/port.ts";
import { compare, type ModelState } from "./state.ts";
import type { Sync } from "./sync.ts";

/** The data keys of the model store. */
export function modelDataKeys({ dataKeys, keys, endpoints }: ModelState): Sync<DataKeyStore> {
  return {
    list: () => [...dataKeys.values()].toSorted((a, b) => compare(a.environmentId, b.environmentId)),
    ensure(key) {
      const stored = dataKeys.get(key.environmentId) ?? key;
      dataKeys.set(key.environmentId, stored);
      return stored;
    },
    update(key, { wrapped }) {
      const stored = dataKeys.get(key.environmentId);
      if (stored?.id !== key.id || stored.wrapped !== wrapped) return false;
      dataKeys.set(key.environmentId, key);
      return true;
    },
    /** It keeps nothing of what was overwritten, so there is nothing else to do. */
    eraseTraces() {
      for (const [scope, { answer }] of keys) {
        if (answer !== null && answer.body !== "" && !answer.body.startsWith("sealed.1.")) keys.delete(scope);
      }
      for (const row of endpoints.values()) {
        const { entity } = row;
        if (row.deleted)
          row.entity = { ...entity, secrets: [], headers: {}, transformation: null, access: null };
      }
      return { kind: "erased" };
    },
  };
}
