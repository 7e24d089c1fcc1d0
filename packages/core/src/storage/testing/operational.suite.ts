import { expect, test } from "vitest";
import type { Endpoint } from "../../domain/endpoint.ts";
import { ID_PREFIX } from "../../domain/ids.ts";
import { operationalApplication } from "../../domain/operational.ts";
import { NO_PROGRESS } from "../../domain/task.ts";
import type { AcceptedMessage, SettledDelivery } from "../port.ts";
import { FIRST_PAGE, type Scene } from "./scene.ts";
import { type MakeStore, setupWithSharedStore } from "./setup.ts";

/** Nobody has it. */
const NOBODY = "";

async function operational(scene: Scene): Promise<{ appId: string; endpoint: Endpoint }> {
  const application = operationalApplication(scene.environment.id, scene.now);
  await scene.store.applications.ensureOperational(application);
  const endpoint = await scene.addEndpoint({ appId: application.id });
  return { appId: application.id, endpoint };
}

const toldTo = (scene: Scene, { appId, endpoint }: { appId: string; endpoint: Endpoint }): AcceptedMessage =>
  scene.accepted({ appId, endpoints: [endpoint], leaseId: NOBODY, eventType: "message.attempt.exhausted" });

const find = (scene: Scene, { message }: AcceptedMessage) =>
  scene.store.history.findMessage({ appId: message.appId, ref: message.id });

/** A delivery of the scene that is being sent, failed for good. */
async function failed(scene: Scene, over: Partial<SettledDelivery> = {}): Promise<SettledDelivery> {
  const message = await scene.accept({ leased: true });
  return scene.settled(scene.delivery(message), over);
}

const whenDisabled = (accepted: AcceptedMessage) => [{ when: "disabled", accepted }] as const;

export function operationalSuite(makeStore: MakeStore): void {
  const setup = setupWithSharedStore(makeStore);

  test("its application is found by id alone, is there once, and is in no list or count", async () => {
    const scene = await setup();
    const environmentId = scene.environment.id;
    const counted = await scene.store.overview.countEndpoints({ environmentId });
    const { appId, endpoint } = await operational(scene);
    const { applications } = scene.store;
    const later = operationalApplication(environmentId, scene.now + 1);
    await Promise.all([applications.ensureOperational(later), applications.ensureOperational(later)]);
    const first = { ...later, createdAt: scene.now, updatedAt: scene.now };
    expect(await applications.findById(appId)).toEqual(first);
    expect(await applications.find({ environmentId, ref: appId })).toBeNull();
    expect(await applications.list({ environmentId, page: FIRST_PAGE })).toEqual([scene.app]);
    expect(await scene.store.overview.countEndpoints({ environmentId })).toEqual(counted);
    expect(await scene.store.endpoints.listAll(appId)).toEqual([endpoint]);
  });

  test("what a settle tells is stored with it, owed and claimed like any message", async () => {
    const scene = await setup();
    const of = await operational(scene);
    const accepted = toldTo(scene, of);
    const settled = await failed(scene, { tells: [{ when: "held", accepted }] });
    expect(await scene.settle(settled)).toEqual([true]);
    expect(await find(scene, accepted)).toEqual(accepted.message);
    const claimed = await scene.claimDue({ endpoints: [of.endpoint] });
    expect(claimed.map(({ delivery }) => delivery.messageId)).toEqual([accepted.message.id]);
  });

  test("of a lost lease nothing is told, so a settle that comes twice tells once", async () => {
    const scene = await setup();
    const of = await operational(scene);
    const first = toldTo(scene, of);
    const settled = await failed(scene, { tells: [{ when: "held", accepted: first }] });
    const again = toldTo(scene, of);
    const repeated = { ...settled, tells: [{ when: "held", accepted: again }] } as const;
    expect(await scene.settle(settled, repeated)).toEqual([true, false]);
    const lost = toldTo(scene, of);
    expect(await scene.settle({ ...settled, tells: [{ when: "held", accepted: lost }] })).toEqual([false]);
    expect(await find(scene, first)).not.toBeNull();
    expect(await find(scene, again)).toBeNull();
    expect(await find(scene, lost)).toBeNull();
  });

  test("that an endpoint was disabled is told by the settle that did it, and only by that", async () => {
    const scene = await setup();
    const of = await operational(scene);
    const disable = { kind: "disable", reason: "gone", at: scene.now } as const;
    const [one, two, run] = [toldTo(scene, of), toldTo(scene, of), toldTo(scene, of)];
    const healthy = await scene.addEndpoint();
    const message = await scene.accept({ leased: true, endpoints: [healthy] });
    const delivery = scene.delivery(message, { endpointId: healthy.id });
    const ended = { kind: "disable", reason: "failing", at: scene.now, failingSince: 1 } as const;
    const settled = [
      await failed(scene, { endpoint: disable, tells: whenDisabled(one) }),
      await failed(scene, { endpoint: disable, tells: whenDisabled(two) }),
      // Its run of failures has ended meanwhile.
      scene.settled(delivery, { endpoint: ended, tells: whenDisabled(run) }),
    ];
    expect(await scene.settle(...settled)).toEqual([true, true, true]);
    expect(await find(scene, one)).not.toBeNull();
    expect(await find(scene, two)).toBeNull();
    expect(await find(scene, run)).toBeNull();
  });

  test("a write to an endpoint tells in its own transaction, and only if it took place", async () => {
    const scene = await setup();
    const of = await operational(scene);
    const { endpoints } = scene.store;
    const tell = (): AcceptedMessage => toldTo(scene, of);
    const [made, refused] = [tell(), tell()];
    const endpoint = scene.newEndpoint({ uid: "shop" });
    expect(await endpoints.insert(endpoint, { tells: [made] })).toEqual({ kind: "inserted" });
    const twin = scene.newEndpoint({ uid: "shop" });
    expect(await endpoints.insert(twin, { tells: [refused] })).toMatchObject({ kind: "conflict" });
    const [changed, stale, missing, taken] = [tell(), tell(), tell(), tell()];
    const after = { ...endpoint, description: "new", updatedAt: scene.now + 1 };
    const update = (entity: Endpoint, tells: AcceptedMessage[], basedOn?: Endpoint) =>
      endpoints.update(entity, { tells, basedOn });
    expect(await update(after, [changed], endpoint)).toBe("updated");
    expect(await update(after, [stale], endpoint)).toBe("stale");
    expect(await update({ ...twin, uid: null }, [missing])).toBe("not_found");
    expect(await update({ ...scene.endpoint, uid: "shop" }, [taken])).toBe("uid_taken");
    const [deleted, again] = [tell(), tell()];
    const key = { appId: endpoint.appId, id: endpoint.id };
    expect(await endpoints.delete({ ...key, tells: [deleted] })).toBe(true);
    expect(await endpoints.delete({ ...key, tells: [again] })).toBe(false);
    for (const kept of [made, changed, deleted]) expect(await find(scene, kept)).toEqual(kept.message);
    for (const gone of [refused, stale, missing, taken, again]) expect(await find(scene, gone)).toBeNull();
    const claimed = await scene.claimDue({ endpoints: [of.endpoint] });
    expect(claimed.map(({ delivery }) => delivery.messageId)).toEqual(
      [made, changed, deleted].map(({ message }) => message.id),
    );
  });

  test("a task tells of its end once, by the step of its last holder or by being canceled", async () => {
    const scene = await setup();
    const of = await operational(scene);
    const { tasks } = scene.store;
    const environmentId = scene.environment.id;
    const made = { environmentId, status: "running", progress: NO_PROGRESS } as const;
    const times = { createdAt: scene.now, updatedAt: scene.now };
    const work = { kind: "application.purge_content", appId: scene.app.id, until: scene.now } as const;
    const id = scene.id(ID_PREFIX.task);
    await tasks.insert({ ...made, ...times, id, work }, {});
    let claimed = await tasks.claim({ leaseId: scene.leaseId, after: null });
    while (claimed?.task.id !== id) {
      claimed = await tasks.claim({ leaseId: scene.leaseId, after: claimed?.task ?? null });
    }
    const [older, ended, again, canceled] = [0, 1, 2, 3].map(() => toldTo(scene, of));
    const { version } = claimed;
    const step = (tell: AcceptedMessage | undefined, held: number) =>
      tasks.step({
        environmentId,
        id,
        version: held,
        status: "finished",
        progress: NO_PROGRESS,
        now: scene.now,
        owe: null,
        tells: tell && [tell],
      });
    expect(await step(older, version - 1)).toBe(false);
    expect(await step(ended, version)).toBe(true);
    expect(await step(again, version)).toBe(false);
    expect(await tasks.cancel({ environmentId, id, now: scene.now, tells: [canceled!] })).toBe(false);
    expect(await find(scene, ended!)).not.toBeNull();
    for (const gone of [older, again, canceled]) expect(await find(scene, gone!)).toBeNull();
    const other = { ...made, ...times, id: scene.id(ID_PREFIX.task), work };
    await tasks.insert(other, {});
    const key = { environmentId, id: other.id, now: scene.now };
    expect(await tasks.cancel({ ...key, tells: [canceled!] })).toBe(true);
    expect(await find(scene, canceled!)).not.toBeNull();
  });
}
