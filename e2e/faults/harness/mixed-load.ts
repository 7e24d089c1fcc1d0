import type { EventPlan } from "./load.ts";
import type { Random } from "./random.ts";
import type { Hit } from "./receiver.ts";
import type { EndpointPlan } from "./scene.ts";

const APPS = ["ana", "ben", "cleo"] as const;
/** Refused for good by one endpoint of each application, which then is visible as failed. */
const REFUSED_TYPE = "order.refunded";

/**
 * Three applications, each with an endpoint that works, one that fails a tenth of its first attempts, and one
 * that refuses one type of event every time. The refusals are 4xx: about the message, not the endpoint's health.
 */
export function mixedPlan(): EndpointPlan[] {
  return APPS.flatMap((app) => [
    { app, name: `${app}-works` },
    {
      app,
      name: `${app}-flaky`,
      behaviour: (hit: Hit, earlier: number) => (earlier === 0 && hit.number % 10 === 3 ? 409 : 204),
    },
    {
      app,
      name: `${app}-refuses`,
      eventTypes: [REFUSED_TYPE],
      behaviour: () => 422,
      mayFail: true,
      settings: { retrySchedule: [1, 1] },
    },
  ]);
}

export function mixedEvent(random: Random): EventPlan {
  return {
    app: random.pick(APPS),
    eventType: random.int(1, 100) === 1 ? REFUSED_TYPE : "order.completed",
    padding: random.int(1, 20) === 1 ? 5_000 : 100,
  };
}
