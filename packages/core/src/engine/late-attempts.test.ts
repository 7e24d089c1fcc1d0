import { expect, test } from "vitest";
import { fakeRuntime } from "../runtime/testing/fake-runtime.ts";
import { StoreUnavailable } from "../storage/port.ts";
import { LateAttempts } from "./late-attempts.ts";

type Options = ConstructorParameters<typeof LateAttempts>[0];
type Listed = Awaited<ReturnType<Options["store"]["history"]["listAttempts"]>>;
type Owed = Awaited<ReturnType<Options["store"]["deliveries"]["listDue"]>>;

const DELIVERY = {
  appId: "app_1",
  endpointId: "ep_1",
  messageId: "msg_1",
  attempts: 1,
  trigger: "scheduled" as const,
  once: false,
  order: 0,
};
const attempt = (status: string, changes: object = {}): object => ({
  attempt: { status, errorClass: null, responseBody: "", ...changes },
});
const CANCELED = attempt("canceled", { errorClass: "canceled", responseBody: "It was canceled." });

/** What was said of a late attempt, with these records of its delivery, the newest first. */
function late(records: object[], { owed = [], failures = 0 }: { owed?: object[]; failures?: number } = {}) {
  const runtime = fakeRuntime();
  const store: Options["store"] = {
    deliveries: {
      async listDue() {
        if (failures-- > 0) throw new StoreUnavailable("away");
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no more of it is looked at
        return owed as unknown as Owed;
      },
    },
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no more of it is looked at
    history: { listAttempts: async () => records as unknown as Listed },
  };
  const attempts = new LateAttempts({ store, runtime });
  const said: string[] = [];
  attempts.look(DELIVERY, ({ sentence }) => void said.push(sentence));
  return { runtime, attempts, said };
}

test("a delivery that was canceled is said to be so, with the reason, behind other late attempts", async () => {
  const { attempts, said } = late([attempt("fail"), CANCELED, attempt("fail")]);
  await attempts.idle(new AbortController().signal);
  expect(said).toEqual(["It was canceled."]);
});

test.for([
  ["what is owed again", [CANCELED], { owed: [{ endpointId: "ep_1" }] }],
  ["what has succeeded since", [attempt("success"), CANCELED], {}],
  ["what another node has", [attempt("fail")], {}],
  ["what has no record", [], {}],
] as const)("nothing is said of %s", async ([, records, options]) => {
  const { attempts, said } = late([...records], "owed" in options ? { owed: [...options.owed] } : {});
  await attempts.idle(new AbortController().signal);
  expect(said).toEqual([]);
});

test("a store that is away is asked again", async () => {
  const { attempts, said, runtime } = late([CANCELED], { failures: 3 });
  await runtime.advance(1_000);
  await attempts.idle(new AbortController().signal);
  expect(said).toEqual(["It was canceled."]);
});

test("a stop does not wait for a store that does not come back, nor for one that does not answer", async () => {
  const away = late([CANCELED], { failures: Number.POSITIVE_INFINITY });
  const stopped = new AbortController();
  stopped.abort();
  await away.attempts.idle(stopped.signal);
  expect(away.said).toEqual([]);
  const store = {
    deliveries: { listDue: () => new Promise<never>(() => {}) },
    history: { listAttempts: async () => [] },
  };
  const attempts = new LateAttempts({ store, runtime: fakeRuntime() });
  attempts.look(DELIVERY, () => {});
  const stop = new AbortController();
  const idle = attempts.idle(stop.signal);
  stop.abort();
  await idle;
});
