import { describe, expect, it } from "vitest";
import { creatorsDay, eventTypes, findScenario, scenarios, type ScenarioStep } from "../index.ts";
import { isLoose, looseOf, objectsIn, problemsOf, sumsOf } from "../testing/payloads.ts";

/** What of a thing may differ from event to event; everything else about the same id is always the same. */
const MAY_CHANGE: Readonly<Record<string, readonly string[]>> = {
  customer: ["email", "name"],
  enrollment: ["progressPercent", "lessonsCompleted", "completedAt"],
  subscription: [
    "status",
    "currentPeriodStart",
    "currentPeriodEnd",
    "canceledAt",
    "endsAt",
    "cancelReason",
    "cancelComment",
  ],
  trial: ["converted"],
};

/** Times that say something has happened; the others (endsAt, expiresAt, nextAttemptAt …) may lie ahead. */
const PAST_TIMES = [
  "createdAt",
  "completedAt",
  "refundedAt",
  "receivedAt",
  "startedAt",
  "currentPeriodStart",
  "canceledAt",
  "enrolledAt",
  "issuedAt",
];

interface Thing {
  readonly noun: string;
  readonly application: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Every thing with an id in a payload, under the noun by which its parent calls it. */
function thingsIn(value: unknown, noun = "payload"): { noun: string; id: string; fields: object }[] {
  if (!isLoose(value)) return [];
  if (Array.isArray(value)) return value.flatMap((item) => thingsIn(item, noun));
  const below = Object.entries(value).flatMap(([key, child]) => thingsIn(child, key));
  return typeof value["id"] === "string" ? [{ noun, id: value["id"], fields: value }, ...below] : below;
}

function storyOf(email: string): readonly ScenarioStep[] {
  return creatorsDay.steps.filter((step) => step.payload.data.customer.email === email);
}

describe.each(scenarios.map((scenario) => [scenario.name, scenario] as const))("%s", (_, scenario) => {
  const { steps } = scenario;

  it("sends only payloads that are valid, each under the name of its step", () => {
    for (const step of steps) {
      expect(problemsOf(step.eventType, step.payload), `${step.atMinutes} ${step.eventType}`).toEqual([]);
      expect(step.payload.type).toBe(step.eventType);
      for (const sum of sumsOf(step.payload)) expect(sum.parts).toBe(sum.total);
    }
  });

  it("runs forward in time, and each payload says when its step is", () => {
    let before = 0;
    for (const step of steps) {
      expect(Number.isInteger(step.atMinutes)).toBe(true);
      expect(step.atMinutes).toBeGreaterThanOrEqual(before);
      expect(Date.parse(step.payload.timestamp)).toBe(
        Date.parse(scenario.startsAt) + step.atMinutes * 60_000,
      );
      before = step.atMinutes;
    }
  });

  it("tells of nothing before it has happened", () => {
    for (const step of steps) {
      for (const value of objectsIn(step.payload.data)) {
        for (const key of PAST_TIMES) {
          const when = value[key];
          if (typeof when !== "string") continue;
          expect(Date.parse(when), `${step.eventType} ${key}`).toBeLessThanOrEqual(
            Date.parse(step.payload.timestamp),
          );
        }
      }
    }
  });

  it("gives a thing the same id, noun, application and lasting fields in every event", () => {
    const known = new Map<string, Thing>();
    for (const step of steps) {
      for (const { noun: key, id, fields } of thingsIn(step.payload.data)) {
        const noun = key === "lines" ? "line" : key;
        const lasting = Object.fromEntries(
          Object.entries(fields).filter(
            ([name, value]) => !(MAY_CHANGE[noun] ?? []).includes(name) && !isLoose(value),
          ),
        );
        const thing: Thing = { noun, application: step.application.uid, fields: lasting };
        expect(thing, id).toEqual(known.get(id) ?? thing);
        known.set(id, thing);
      }
    }
    expect(known.size).toBeGreaterThan(40);
  });

  it("refers only to things the application has", () => {
    const owners = new Map(
      steps.flatMap((step) =>
        thingsIn(step.payload.data).map(({ id }) => [id, step.application.uid] as const),
      ),
    );
    for (const step of steps) {
      for (const value of objectsIn(step.payload.data)) {
        for (const [key, reference] of Object.entries(value)) {
          if (!/Ids?$/.test(key) || reference === null) continue;
          const ids: readonly unknown[] = Array.isArray(reference) ? reference : [reference];
          for (const id of ids) {
            if (typeof id !== "string") throw new TypeError(`${key} is not an id`);
            expect(owners.get(id), `${key} ${id}`).toBe(step.application.uid);
          }
        }
      }
    }
  });

  it("changes a customer's details by customer.updated and in no other way", () => {
    const details = new Map<string, unknown>();
    for (const step of steps) {
      const { id, email, name } = step.payload.data.customer;
      const previous = step.eventType === "customer.updated" ? step.payload.data.previous : undefined;
      expect({ email, name, ...previous }, id).toEqual(details.get(id) ?? { email, name, ...previous });
      details.set(id, { email, name });
    }
  });

  it("never lets progress in a course go back", () => {
    const progress = new Map<string, number>();
    for (const step of steps) {
      for (const { noun, id, fields } of thingsIn(step.payload.data)) {
        if (noun !== "enrollment") continue;
        const percent = Number(looseOf(fields)["progressPercent"]);
        expect(percent).toBeGreaterThanOrEqual(progress.get(id) ?? 0);
        progress.set(id, percent);
      }
    }
  });

  it("names applications and channels so that the API takes them", () => {
    for (const step of steps) {
      expect(step.application.uid).toMatch(/^[a-zA-Z0-9\-_.]{1,256}$/);
      for (const channel of step.channels ?? []) expect(channel).toMatch(/^[a-zA-Z0-9\-_.:+]{1,128}$/);
    }
    const names = new Map(steps.map((step) => [step.application.uid, step.application.name]));
    for (const step of steps) expect(step.application.name).toBe(names.get(step.application.uid));
  });

  it("is plain JSON, so that it can be written to a file and read back", () => {
    expect(JSON.parse(JSON.stringify(scenario))).toEqual(scenario);
  });

  it("writes to nobody: every address is under a domain reserved for examples", () => {
    for (const [, host] of JSON.stringify(scenario).matchAll(/(?:@|https:\/\/)([a-z0-9.-]+)/g)) {
      expect(host).toMatch(/(^|\.)example\.com$/);
    }
  });
});

describe("the creator's day", () => {
  it("has about forty events of three applications and shows every event type", () => {
    expect(creatorsDay.steps).toHaveLength(44);
    expect(new Set(creatorsDay.steps.map((step) => step.application.uid)).size).toBe(3);
    expect(new Set(creatorsDay.steps.map((step) => step.eventType)).size).toBe(eventTypes.length);
  });

  it("takes one customer from signing up to the certificate", () => {
    expect(storyOf("lena.fischer@example.com").map((step) => step.eventType)).toEqual([
      "customer.created",
      "order.completed",
      "enrollment.created",
      "lesson.completed",
      "lesson.completed",
      "course.milestone_reached",
      "lesson.completed",
      "lesson.completed",
      "certificate.earned",
      "customer.added_to_segment",
    ]);
  });

  it("renews at the announced moment what failed in the morning", () => {
    const failed = storyOf("tom@old-mail.example.com")[0];
    const renewed = storyOf("tom.becker@example.com").at(-1);
    if (failed?.eventType !== "payment.failed") throw new Error("the story begins with the failure");
    if (renewed?.eventType !== "subscription.renewed") throw new Error("the story ends with the renewal");
    expect(failed.payload.data.failure.nextAttemptAt).toBe(renewed.payload.timestamp);
    expect(failed.payload.data.payment.amount).toEqual(renewed.payload.data.order.total);
    expect(failed.payload.data.subscription?.id).toBe(renewed.payload.data.subscription.id);
    expect([failed.payload.data.subscription?.status, renewed.payload.data.subscription.status]).toEqual([
      "past_due",
      "active",
    ]);
  });

  it("gives back no more than was paid", () => {
    const refunds = creatorsDay.steps.filter((step) => step.eventType === "order.refunded");
    expect(refunds.map((step) => step.payload.data.refund.kind).toSorted()).toEqual(["full", "partial"]);
    for (const { payload } of refunds) {
      const { refund, order } = payload.data;
      expect(refund.amount.currency).toBe(order.total.currency);
      const difference = order.total.amount - refund.amount.amount;
      expect(refund.kind === "full" ? difference === 0 : difference > 0).toBe(true);
    }
  });

  it("disputes a payment that was made, with time left to answer", () => {
    const step = creatorsDay.steps.find((candidate) => candidate.eventType === "chargeback.received");
    const { chargeback, order } = step!.payload.data;
    expect(chargeback.paymentId).toBe(order?.payment?.id);
    expect(chargeback.amount).toEqual(order?.total);
    expect(Date.parse(chargeback.evidenceDueAt!)).toBeGreaterThan(Date.parse(step!.payload.timestamp));
  });
});

it("finds a scenario by its exact name and nothing else", () => {
  expect(findScenario("creators-day")).toBe(creatorsDay);
  expect(findScenario("a quiet day")).toBeUndefined();
  expect(new Set(scenarios.map((scenario) => scenario.name)).size).toBe(scenarios.length);
});
