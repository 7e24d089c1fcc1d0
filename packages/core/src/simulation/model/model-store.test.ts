import { describe } from "vitest";
import { clusterSuite } from "../../storage/testing/cluster.suite.ts";
import { storeConformance } from "../../storage/testing/conformance.ts";
import type { StoreHandle } from "../../storage/testing/setup.ts";
import { openModelStore } from "./model-store.ts";
import { ModelState } from "./state.ts";

const makeStore = (clustered: boolean) => async (): Promise<StoreHandle> => {
  const store = openModelStore(new ModelState({ clustered }));
  return { store, dispose: () => store.close() };
};

storeConformance("the model store", makeStore(false));
storeConformance("the model store, shared", makeStore(true));
describe("the model store's cluster", () => clusterSuite(makeStore(true)));
