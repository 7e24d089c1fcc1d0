import type { EndpointSecret } from "../../domain/endpoint.ts";
import type { ReceiverAccess } from "../../domain/receiver-access.ts";
import type { Transformation } from "../../domain/transformation.ts";
import { type Cell, isSealed } from "./cell.ts";

/** How a field is sealed: into a value of its own type, so that a store does not know whether what it keeps is. */
export interface SealedField<Value> {
  seal(value: Value, cell: Cell): Value;
  /** Throws for anything that was not sealed for this cell. */
  open(value: Value, cell: Cell): Value;
  /** False for what lies in the clear, from before there was a key. */
  isSealed(value: Value): boolean;
}

/**
 * What of each record may lie in the clear. A field that is not named here does not build: whoever adds one decides.
 * Names, URLs and payloads are data that operators search and show; what proves who somebody is is sealed or hashed.
 */
export type Classification<Entity> = {
  readonly [Field in keyof Entity]-?: "plain" | SealedField<Entity[Field]>;
};

/** "" stays as it is: there is nothing in it. */
export const sealedText: SealedField<string> = {
  seal: (text, cell) => (text === "" ? "" : cell.seal(text)),
  open: (text, cell) => (text === "" ? "" : cell.open(text)),
  isSealed: (text) => text === "" || isSealed(text),
};

/** All keys in one, so that neither their number nor their order can be changed. */
export const sealedSecrets: SealedField<readonly EndpointSecret[]> = {
  seal: (secrets, cell) => [{ key: cell.seal(JSON.stringify(secrets)), expiresAt: null }],
  open([whole, ...more], cell) {
    return JSON.parse(cell.open(whole === undefined || more.length > 0 ? "" : whole.key));
  },
  isSealed: ([whole, ...more]) => whole !== undefined && more.length === 0 && isSealed(whole.key),
};

/** Names and values in one. Most endpoints have none, and then there is nothing to open. */
export const sealedMap: SealedField<Readonly<Record<string, string>>> = {
  seal: (map, cell) => (isEmpty(map) ? map : { sealed: cell.seal(JSON.stringify(map)) }),
  open: (map, cell) => (isEmpty(map) ? map : JSON.parse(cell.open(map["sealed"] ?? ""))),
  isSealed: (map) => isEmpty(map) || isSealed(map["sealed"] ?? ""),
};

/** The code too: people write keys into it. */
export const sealedTransformation: SealedField<Transformation | null> = {
  seal: (transformation, cell) =>
    transformation && {
      ...transformation,
      ...mapParts(transformation, (field, value) => field.seal(value, cell)),
    },
  open: (transformation, cell) =>
    transformation && {
      ...transformation,
      ...mapParts(transformation, (field, value) => field.open(value, cell)),
    },
  isSealed: (transformation) =>
    transformation === null ||
    (sealedText.isSealed(transformation.code ?? "") && sealedMap.isSealed(transformation.variables ?? {})),
};

/** All of it in one, in the place of the certificate: so nobody can take a part of it away. */
export const sealedAccess: SealedField<ReceiverAccess | null> = {
  seal: (access, cell) =>
    access && { oauth: null, identity: cell.seal(JSON.stringify(access)), serverCa: null },
  open: (access, cell) => access && JSON.parse(cell.open(access.identity ?? "")),
  isSealed: (access) => access === null || isSealed(access.identity ?? ""),
};

function mapParts(
  { code, variables }: Transformation,
  map: <Value>(field: SealedField<Value>, value: Value) => Value,
): Pick<Transformation, "code" | "variables"> {
  return { code: code && map(sealedText, code), variables: variables && map(sealedMap, variables) };
}

function isEmpty(map: Readonly<Record<string, string>>): boolean {
  return Object.keys(map).length === 0;
}

/** The record with its secret fields sealed. `cellOf`: the cell of a column of its row. */
export function sealRecord<Entity extends object>(
  fields: Classification<Entity>,
  entity: Entity,
  cellOf: (column: string) => Cell,
): Entity {
  return mapSealed(fields, entity, (field, value, column) => field.seal(value, cellOf(column)));
}

/** Throws a SealError when one of them was not sealed for its cell. */
export function openRecord<Entity extends object>(
  fields: Classification<Entity>,
  entity: Entity,
  cellOf: (column: string) => Cell,
): Entity {
  return mapSealed(fields, entity, (field, value, column) => field.open(value, cellOf(column)));
}

/** Whether none of its secret fields lies in the clear. */
export function isRecordSealed<Entity extends object>(
  fields: Classification<Entity>,
  entity: Entity,
): boolean {
  for (const column in fields) {
    const field = fields[column];
    if (field !== "plain" && !field.isSealed(entity[column])) return false;
  }
  return true;
}

function mapSealed<Entity extends object>(
  fields: Classification<Entity>,
  entity: Entity,
  map: <Column extends keyof Entity & string>(
    field: SealedField<Entity[Column]>,
    value: Entity[Column],
    column: Column,
  ) => Entity[Column],
): Entity {
  const mapped = { ...entity };
  for (const column in fields) {
    const field = fields[column];
    if (field !== "plain") mapped[column] = map(field, entity[column], column);
  }
  return mapped;
}
