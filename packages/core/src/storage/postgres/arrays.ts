/**
 * Arrays as PostgreSQL's binary format has them. `pg` sends a Buffer as it is, so a column of a batch is one
 * parameter without the quoting, and the parsing at the other end, that its text format would need for every value.
 * Layout: https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/arrayfuncs.c (array_send)
 */
const HEADER_BYTES = 20;
const OID = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, text: 25 } as const;
const NULL_LENGTH = -1;

/** The most UTF-8 bytes for one UTF-16 unit: room for short texts is not worth a second look at each. */
const BYTES_PER_UNIT = 3;
const SHORT_TEXT = 256;

export function textArray(values: readonly (string | null)[]): Buffer {
  let size = HEADER_BYTES;
  for (const value of values) {
    size += 4;
    if (value === null) continue;
    size += value.length > SHORT_TEXT ? Buffer.byteLength(value) : value.length * BYTES_PER_UNIT;
  }
  const buffer = newArray(OID.text, values.length, size);
  let at = HEADER_BYTES;
  for (const value of values) {
    if (value === null) {
      at = buffer.writeInt32BE(NULL_LENGTH, at);
      continue;
    }
    const length = buffer.write(value, at + 4);
    buffer.writeInt32BE(length, at);
    at += 4 + length;
  }
  return at === size ? buffer : buffer.subarray(0, at);
}

export function byteaArray(values: readonly (Uint8Array | null)[]): Buffer {
  let size = HEADER_BYTES;
  for (const value of values) size += 4 + (value === null ? 0 : value.length);
  const buffer = newArray(OID.bytea, values.length, size);
  let at = HEADER_BYTES;
  for (const value of values) {
    at = buffer.writeInt32BE(value === null ? NULL_LENGTH : value.length, at);
    if (value === null) continue;
    buffer.set(value, at);
    at += value.length;
  }
  return buffer;
}

/** Whole numbers up to Number.MAX_SAFE_INTEGER, as BIGINT[]. */
export function bigintArray(values: readonly (number | null)[]): Buffer {
  return fixedArray(values, {
    oid: OID.int8,
    width: 8,
    write: (buffer, value, at) => void buffer.writeBigInt64BE(BigInt(value), at),
  });
}

export function intArray(values: readonly (number | null)[]): Buffer {
  return fixedArray(values, {
    oid: OID.int4,
    width: 4,
    write: (buffer, value, at) => void buffer.writeInt32BE(value, at),
  });
}

export function smallintArray(values: readonly (number | null)[]): Buffer {
  return fixedArray(values, {
    oid: OID.int2,
    width: 2,
    write: (buffer, value, at) => void buffer.writeInt16BE(value, at),
  });
}

export function booleanArray(values: readonly boolean[]): Buffer {
  return fixedArray(values, {
    oid: OID.bool,
    width: 1,
    write: (buffer, value, at) => void buffer.writeUInt8(value ? 1 : 0, at),
  });
}

function fixedArray<Value>(
  values: readonly (Value | null)[],
  {
    oid,
    width,
    write,
  }: { oid: number; width: number; write: (buffer: Buffer, value: Value, at: number) => void },
): Buffer {
  const nulls = values.reduce((count, value) => (value === null ? count + 1 : count), 0);
  const buffer = newArray(oid, values.length, HEADER_BYTES + values.length * (4 + width) - nulls * width);
  let at = HEADER_BYTES;
  for (const value of values) {
    at = buffer.writeInt32BE(value === null ? NULL_LENGTH : width, at);
    if (value === null) continue;
    write(buffer, value, at);
    at += width;
  }
  return buffer;
}

/** One dimension, counted from 1, that may hold NULLs. */
function newArray(oid: number, length: number, size: number): Buffer {
  const buffer = Buffer.allocUnsafe(size);
  let at = buffer.writeInt32BE(1, 0);
  at = buffer.writeInt32BE(1, at);
  at = buffer.writeInt32BE(oid, at);
  at = buffer.writeInt32BE(length, at);
  buffer.writeInt32BE(1, at);
  return buffer;
}
