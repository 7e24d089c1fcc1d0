import type { Behaviour } from "./faults/receivers.ts";
import { type CallFaults, type Incident, NO_CALL_FAULTS } from "./faults/faults.ts";
import type { NodeRole } from "../storage/port.ts";
import { SeededRandom } from "./world/random.ts";

/** Everything that a seed decides beforehand; how it comes out is up to the program. */
export interface Scenario {
  readonly seed: number;
  readonly size: Size;
  /** Processes on the store; of one, the store knows no cluster. */
  readonly nodes: number;
  /** What each of them does; the first always does everything. */
  readonly roles: readonly NodeRole[];
  /** How long clients are active and faults happen. */
  readonly activeMs: number;
  readonly retryScheduleMs: readonly number[];
  readonly applications: readonly ApplicationPlan[];
  /** Endpoints of operational webhooks. They never change, so what they ask for is known at any moment. */
  readonly operational: readonly EndpointPlan[];
  readonly actions: readonly Action[];
  readonly incidents: readonly Incident[];
  readonly storeFaults: CallFaults;
  readonly egressFaults: CallFaults;
}

interface ApplicationPlan {
  readonly throttleRate: number | null;
  readonly endpoints: readonly EndpointPlan[];
}

export interface EndpointPlan {
  readonly fifo: boolean;
  readonly throttleRate: number | null;
  readonly retryScheduleMs: readonly number[] | null;
  readonly timeoutMs: number | null;
  readonly eventTypes: readonly string[] | null;
  readonly phases: readonly { readonly from: number; readonly behaviour: Behaviour }[];
}

/** What a client does; which endpoint or message it is about is drawn when its time comes. */
export type Action =
  | {
      readonly kind: "send";
      readonly at: number;
      readonly application: number;
      readonly count: number;
      readonly eventType: string;
      readonly key: "own" | "none" | "used";
      readonly eventId: "own" | "none" | "used";
      /** The same request from another client at the same moment. */
      readonly twice: boolean;
    }
  | {
      readonly kind: "create";
      readonly at: number;
      readonly application: number;
      readonly endpoint: EndpointPlan;
    }
  | { readonly kind: "disable" | "enable" | "delete" | "patch" | "resend"; readonly at: number }
  /** What an endpoint is owed of messages older than `backMs` (younger ones, too, where that is negative), or one message. */
  | {
      readonly kind: "cancel";
      readonly at: number;
      readonly of: "endpoint" | "message";
      /** Which of those that are there; null: any. */
      readonly endpoint: number | null;
      readonly backMs: number;
    };

export type Size = "short" | "long";

const EVENT_TYPES = ["order.completed", "order.refunded"] as const;

/** In what part of the lives there are operational endpoints, and cancellations. */
const OPERATIONAL = 0.2;
const CANCELING = 0.3;
/** How often a call to the store is refused where that matters most. */
const REFUSED = 0.1;
const OPERATIONAL_TYPES: [readonly string[] | null, ...(readonly string[] | null)[]] = [
  null,
  null,
  ["message.attempt.log", "endpoint.disabled"],
  ["message.attempt.exhausted", "message.attempt.recovered", "endpoint.updated"],
  ["message.attempt.failing", "endpoint.created", "endpoint.deleted", "endpoint.enabled"],
];
const FAILING_SCHEDULE_MS = [150, 200, 250, 300, 400];
/** Farther than any clock goes. */
const ALL_MS = 1_000_000;

interface Bounds {
  readonly activeMs: Range;
  readonly bursts: Range;
  readonly burst: Range;
  readonly changes: Range;
  readonly cancels: Range;
  readonly incidents: Range;
}
type Range = readonly [min: number, max: number];

const SIZES: Readonly<Record<Size, Bounds>> = {
  short: {
    activeMs: [1_000, 6_000],
    bursts: [2, 6],
    burst: [1, 4],
    changes: [0, 4],
    cancels: [1, 3],
    incidents: [0, 4],
  },
  long: {
    activeMs: [10_000, 60_000],
    bursts: [10, 40],
    burst: [1, 12],
    changes: [2, 16],
    cancels: [1, 8],
    incidents: [1, 14],
  },
};

/** Draws a scenario. `nodes` fixes how many processes there are; otherwise the seed does. */
export function drawScenario(
  seed: number,
  { size, nodes }: { size: Size; nodes?: number | undefined },
): Scenario {
  const random = new SeededRandom(seed);
  const bounds = SIZES[size];
  const count = nodes ?? random.pick([1, 1, 2, 3]);
  const activeMs = Math.round(random.between(...bounds.activeMs));
  const applications = times(random.int(1, 2), () => ({
    throttleRate: random.chance(0.1) ? random.int(5, 40) : null,
    endpoints: times(random.int(1, 3), () => drawEndpoint(random, activeMs)),
  }));
  const at = (): number => random.between(0, activeMs);
  const actions: Action[] = [
    ...times(random.int(...bounds.bursts), (): Action => ({
      kind: "send",
      at: at(),
      application: random.int(0, applications.length - 1),
      count: random.int(...bounds.burst),
      eventType: random.pick(EVENT_TYPES),
      key: random.weighted({ own: 5, none: 3, used: 1 }),
      eventId: random.weighted({ own: 2, none: 6, used: 1 }),
      twice: random.chance(0.15),
    })),
    ...times(random.int(...bounds.changes), () =>
      drawChange(random, { at: at(), activeMs, applications: applications.length }),
    ),
  ];
  const faulty = random.chance(0.85);
  const scenario = {
    seed,
    size,
    nodes: count,
    roles: times(count, (index) =>
      index === 0 || random.chance(0.7) ? "all" : random.pick(["api", "worker"] as const),
    ),
    activeMs,
    retryScheduleMs: random.pick([[300, 1_000], [500, 1_500, 3_000], [2_000]]),
    applications,
    actions: inOrder(actions),
    incidents: faulty
      ? times(random.int(...bounds.incidents), () => drawIncident(random, { at: at(), nodes: count }))
      : [],
    storeFaults: faulty ? drawCallFaults(random, { doubt: count > 1 }) : NO_CALL_FAULTS,
    egressFaults: faulty ? drawCallFaults(random, { doubt: false }) : NO_CALL_FAULTS,
  };
  const added = random.fork();
  return withCancels(added, withOperational(added, { ...scenario, operational: [] }));
}

/** In a part of the lives somebody asks to be told of what happens to the others' endpoints and deliveries. */
function withOperational(random: SeededRandom, scenario: Scenario): Scenario {
  if (!random.chance(OPERATIONAL)) return scenario;
  const operational = times(random.int(1, 2), () => {
    const plan = drawEndpoint(random, scenario.activeMs);
    const phases = plan.phases.map(({ from, behaviour }) => ({ from, behaviour: neverGone(behaviour) }));
    return { ...plan, phases, eventTypes: random.pick(OPERATIONAL_TYPES) };
  });
  // Long enough for a delivery that keeps failing.
  const retryScheduleMs = random.chance(0.5) ? FAILING_SCHEDULE_MS : scenario.retryScheduleMs;
  // What is told must also survive that the commit it was to be stored with is refused.
  const isFaulty = scenario.storeFaults !== NO_CALL_FAULTS;
  const storeFaults = isFaulty ? { ...scenario.storeFaults, fail: REFUSED } : scenario.storeFaults;
  return { ...scenario, operational, retryScheduleMs, storeFaults };
}

function withCancels(random: SeededRandom, scenario: Scenario): Scenario {
  if (!random.chance(CANCELING)) return scenario;
  const cancels = times(random.int(...SIZES[scenario.size].cancels), () => ({
    kind: "cancel" as const,
    at: random.between(0, scenario.activeMs),
    of: random.weighted({ endpoint: 3, message: 1 }),
    endpoint: random.chance(0.5) ? 0 : null,
    backMs: random.pick([0, random.between(0, scenario.activeMs), -ALL_MS]),
  }));
  if (random.chance(0.5)) return { ...scenario, actions: inOrder([...scenario.actions, ...cancels]) };
  const floods = cancels.map(({ at }) => drawFlood(random, at));
  const applications = slowedDown(scenario.applications, random.int(2, 8));
  return { ...scenario, applications, actions: inOrder([...scenario.actions, ...floods, ...cancels]) };
}

function inOrder(actions: readonly Action[]): Action[] {
  return actions.toSorted((a, b) => a.at - b.at);
}

/** More than the first endpoint gets at once, so that a part waits in memory when it is called off. */
function drawFlood(random: SeededRandom, before: number): Action {
  return {
    kind: "send",
    at: Math.max(0, before - random.between(50, 400)),
    application: 0,
    count: random.int(4, 10),
    eventType: EVENT_TYPES[0],
    key: "none",
    eventId: "none",
    twice: false,
  };
}

function slowedDown([first, ...rest]: readonly ApplicationPlan[], throttleRate: number): ApplicationPlan[] {
  if (first === undefined) return rest;
  const endpoints = first.endpoints.map((plan, index) => (index === 0 ? { ...plan, throttleRate } : plan));
  return [{ ...first, endpoints }, ...rest];
}

/** One that is disabled would be asked for nothing by nodes that know of it, and by others still. */
function neverGone(behaviour: Behaviour): Behaviour {
  return behaviour.kind === "status" && behaviour.statusCode === 410 ? FAILING : behaviour;
}

const OK: Behaviour = { kind: "ok" };
const FAILING: Behaviour = { kind: "status", statusCode: 500 };

function drawEndpoint(random: SeededRandom, activeMs: number): EndpointPlan {
  const phases = [{ from: 0, behaviour: drawBehaviour(random) }];
  if (random.chance(0.4))
    phases.push({ from: random.between(0, activeMs), behaviour: drawBehaviour(random) });
  // Most get well; some never do, and what they are owed ends as failed.
  if (random.chance(0.6)) phases.push({ from: random.between(activeMs * 0.3, activeMs), behaviour: OK });
  // Many deliveries to one that holds each for half a minute would take hours to end.
  const last = phases.at(-1)?.behaviour.kind;
  if (last === "hang" || last === "busy")
    phases.push({ from: activeMs, behaviour: random.pick([OK, FAILING]) });
  return {
    fifo: random.chance(0.3),
    throttleRate: random.chance(0.2) ? random.int(2, 40) : null,
    retryScheduleMs: random.chance(0.3) ? random.pick([[200], [400, 800, 1_600], [1_000, 1_000]]) : null,
    timeoutMs: random.pick([1_000, 2_000, 5_000, null]),
    eventTypes: random.chance(0.2) ? [EVENT_TYPES[0]] : null,
    phases,
  };
}

function drawBehaviour(random: SeededRandom): Behaviour {
  const kind = random.weighted({
    ok: 40,
    slow: 10,
    hang: 6,
    status: 12,
    busy: 8,
    gone: 2,
    refuse: 5,
    reset: 5,
    flapping: 12,
  });
  switch (kind) {
    case "slow":
      return { kind, ms: random.int(50, 3_000) };
    case "status":
      return { kind, statusCode: random.pick([500, 404, 302, 503]) };
    case "busy":
      return { kind, statusCode: random.pick([429, 503]), retryAfterS: random.int(1, 5) };
    case "gone":
      return { kind: "status", statusCode: 410 };
    case "flapping":
      return { kind, failures: random.between(0.1, 0.8) };
    case "ok":
    case "hang":
    case "refuse":
    case "reset":
      break;
  }
  return { kind };
}

function drawChange(
  random: SeededRandom,
  { at, activeMs, applications }: { at: number; activeMs: number; applications: number },
): Action {
  const kind = random.weighted({ create: 3, disable: 3, enable: 4, delete: 2, patch: 3, resend: 4 });
  if (kind !== "create") return { kind, at };
  return { kind, at, application: random.int(0, applications - 1), endpoint: drawEndpoint(random, activeMs) };
}

function drawIncident(random: SeededRandom, { at, nodes }: { at: number; nodes: number }): Incident {
  const kind = random.weighted({
    crash: 5,
    restart: 2,
    freeze: nodes > 1 ? 6 : 3,
    clock: 2,
    partition: nodes > 1 ? 2 : 0,
    store_away: 2,
    slow_disk: 2,
  });
  const node = random.int(0, nodes - 1);
  switch (kind) {
    case "crash":
    case "restart":
      return { kind, at, node, forMs: random.between(20, 3_000) };
    case "freeze":
      return {
        kind,
        at,
        node,
        forMs: random.chance(0.5) ? random.between(10, 3_000) : random.between(3_000, 15_000),
      };
    case "clock":
      return {
        kind,
        at,
        node,
        byMs: (random.chance(0.5) ? -1 : 1) * random.between(10, random.pick([500, 10_000, 300_000])),
      };
    case "partition":
      return { kind, at, node, forMs: random.between(100, 12_000) };
    case "store_away":
      return { kind, at, forMs: random.between(50, 6_000) };
    case "slow_disk":
      break;
  }
  return { kind, at, forMs: random.between(200, 5_000), factor: random.between(5, 300) };
}

/** How likely a single call goes wrong: in most seeds seldom, in some often. */
function drawCallFaults(random: SeededRandom, { doubt }: { doubt: boolean }): CallFaults {
  const rate = random.pick([0, 0.0005, 0.002, 0.01, 0.03]);
  return {
    crashBefore: rate * 0.3 * random.unit(),
    crashAfter: rate * 0.5 * random.unit(),
    fail: rate * random.unit(),
    doubt: doubt ? rate * random.unit() : 0,
    slow: rate * random.unit(),
  };
}

function times<Item>(count: number, make: (index: number) => Item): Item[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
