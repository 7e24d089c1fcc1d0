import { expect, test } from "vitest";
import { classify } from "./failure.ts";

function sqliteError(errcode: number): Error {
  return Object.assign(new Error("from SQLite"), { code: "ERR_SQLITE_ERROR", errcode });
}

test("a failed write, a failed fsync and a broken file are fatal", () => {
  const IOERR_WRITE = 778;
  const IOERR_FSYNC = 1_034;
  const CORRUPT = 11;
  const READONLY = 8;
  for (const code of [IOERR_WRITE, IOERR_FSYNC, CORRUPT, READONLY])
    expect(classify(sqliteError(code))).toBe("fatal");
});

test("a full disk and a file held by another program may pass", () => {
  const BUSY_SNAPSHOT = 517;
  const FULL = 13;
  for (const code of [FULL, BUSY_SNAPSHOT]) expect(classify(sqliteError(code))).toBe("unavailable");
});

test("anything else is a bug", () => {
  const CONSTRAINT = 19;
  expect(classify(sqliteError(CONSTRAINT))).toBe("bug");
  expect(classify(new TypeError("x is undefined"))).toBe("bug");
  expect(classify("text")).toBe("bug");
});
