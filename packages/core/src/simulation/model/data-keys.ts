import type { DataKeyStore } from "../../storage/port.ts";
import { compare, type ModelState } from "./state.ts";
import type { Sync } from "./sync.ts";

/** The data keys of the model store. */
export function modelDataKeys({ dataKeys }: ModelState): Sync<DataKeyStore> {
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
  };
}
