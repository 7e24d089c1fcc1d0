import type { Application } from "../../domain/application.ts";
import type { Endpoint } from "../../domain/endpoint.ts";
import { ROUTING_APPS_MAX } from "../../domain/limits.ts";
import type { ApplicationStore, Store } from "../port.ts";
import type { Cell, Place } from "./cell.ts";
import { ENDPOINT } from "./classification.ts";
import type { DataKeys } from "./data-keys.ts";
import { openRecord, sealRecord } from "./fields.ts";

/** Seals and opens endpoints with the key of the environment that their application belongs to. */
export class SealedEndpoints {
  readonly #applications: Pick<ApplicationStore, "findById">;
  readonly #keys: DataKeys;
  /** An application never changes its environment, and an id is never used twice: also deleted ones may stay. */
  readonly #environments = new Map<string, string>();

  constructor({ applications }: Pick<Store, "applications">, keys: DataKeys) {
    this.#applications = applications;
    this.#keys = keys;
  }

  /** An application passed by: its endpoints are asked for next. */
  saw<Found extends Application | null>(application: Found): Found {
    if (application === null) return application;
    if (this.#environments.size >= ROUTING_APPS_MAX && !this.#environments.has(application.id)) {
      const [oldest] = this.#environments.keys();
      if (oldest !== undefined) this.#environments.delete(oldest);
    }
    this.#environments.set(application.id, application.environmentId);
    return application;
  }

  /** Null: its application is gone, so nothing may be stored of it. */
  async seal(endpoint: Endpoint): Promise<Endpoint | null> {
    const cells = await this.#cells(endpoint.appId);
    return cells && sealRecord(ENDPOINT, endpoint, cellsOf(cells, endpoint));
  }

  /** Those of one application. */
  async open(appId: string, endpoints: readonly Endpoint[]): Promise<Endpoint[]> {
    if (endpoints.length === 0) return [];
    const cells = await this.#cells(appId);
    if (cells === null) return [];
    return endpoints.map((endpoint) => openRecord(ENDPOINT, endpoint, cellsOf(cells, endpoint)));
  }

  async #cells(appId: string): Promise<((place: Place) => Cell) | null> {
    let environmentId = this.#environments.get(appId);
    if (environmentId === undefined) {
      const application = this.saw(await this.#applications.findById(appId));
      if (application === null) return null;
      ({ environmentId } = application);
    }
    return this.#keys.cells(environmentId);
  }
}

function cellsOf(cells: (place: Place) => Cell, { appId, id }: Endpoint): (column: string) => Cell {
  return (column) => cells({ table: "endpoint", row: `${appId}/${id}`, column });
}
