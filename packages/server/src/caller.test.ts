import { describe, expect, it } from "vitest";
import { assertMay, type Caller, type Need } from "./caller.ts";
import { BEYOND_APPLICATION, ALL_PERMISSIONS, PERMISSIONS } from "./permission.ts";

const caller = (fields: Partial<Caller>): Caller => ({
  environmentId: "env_1",
  id: "key_1",
  permissions: ALL_PERMISSIONS,
  appId: null,
  featureFlags: null,
  sessionId: null,
  ...fields,
});

const may = (who: Caller, need: Need, inApplication = true): (() => void) => {
  return () => assertMay(who, { need, inApplication });
};
const REFUSED = expect.objectContaining({ code: "insufficient_access", status: 403 });

describe("a credential", () => {
  it("without a permission is refused each of them, in and outside of applications", () => {
    const nobody = caller({ permissions: new Set() });
    for (const need of PERMISSIONS) {
      expect(may(nobody, need)).toThrow(REFUSED);
      expect(may(nobody, need, false)).toThrow(REFUSED);
    }
    expect(may(nobody, "caller", false)).not.toThrow();
  });

  it("with one permission may do that and nothing else", () => {
    for (const granted of PERMISSIONS) {
      const one = caller({ permissions: new Set([granted]) });
      for (const need of PERMISSIONS) {
        if (need === granted) expect(may(one, need)).not.toThrow();
        else expect(may(one, need)).toThrow(REFUSED);
      }
    }
  });

  it("of an environment is told that only the operator's key gets beyond it", () => {
    expect(may(caller({}), "write:installation", false)).toThrow(/needs the operator's key/u);
  });

  it("of one application reaches nothing of the environment but its event types and a portal's look", () => {
    const bound = caller({ appId: "app_1" });
    for (const need of PERMISSIONS) {
      expect(may(bound, need)).not.toThrow();
      if (!BEYOND_APPLICATION.has(need)) expect(may(bound, need, false)).toThrow(REFUSED);
    }
    expect([...BEYOND_APPLICATION]).toEqual(["read:event-type", "read:portal-settings"]);
    for (const need of BEYOND_APPLICATION) expect(may(bound, need, false)).not.toThrow();
  });
});
