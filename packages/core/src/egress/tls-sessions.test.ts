import { describe, expect, it } from "vitest";
import { fakeRuntime } from "../runtime/testing/fake-runtime.ts";
import { TLS_SESSIONS_MAX, TlsSessions } from "./tls-sessions.ts";

const setup = () => {
  const runtime = fakeRuntime();
  return { runtime, sessions: new TlsSessions(runtime.clock) };
};

describe("TLS sessions", () => {
  it("are kept for one origin only", () => {
    const { sessions } = setup();
    sessions.put("https://a.example.com", Buffer.from("a"));
    expect(sessions.get("https://a.example.com")).toEqual(Buffer.from("a"));
    expect(sessions.get("https://b.example.com")).toBeUndefined();
    expect(sessions.get("https://a.example.com:8443")).toBeUndefined();
  });

  it("are as old as the certificate check they descend from", async () => {
    const { sessions, runtime } = setup();
    sessions.put("o", Buffer.from("first"));
    await runtime.advance(599_000);
    sessions.put("o", Buffer.from("resumed"));
    expect(sessions.get("o")).toEqual(Buffer.from("resumed"));
    await runtime.advance(1_000);
    expect(sessions.get("o")).toBeUndefined();
    sessions.put("o", Buffer.from("checked again"));
    await runtime.advance(599_000);
    expect(sessions.get("o")).toEqual(Buffer.from("checked again"));
  });

  it("are bounded: the oldest goes", () => {
    const { sessions } = setup();
    for (let n = 0; n <= TLS_SESSIONS_MAX; n++) sessions.put(`o${n}`, Buffer.from("x"));
    expect(sessions.get("o0")).toBeUndefined();
    expect(sessions.get("o1")).toBeDefined();
    expect(sessions.get(`o${TLS_SESSIONS_MAX}`)).toBeDefined();
  });
});
