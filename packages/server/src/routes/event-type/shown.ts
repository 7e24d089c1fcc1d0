import type { EventType } from "@posthaste/core/domain/event-type";
import type { Page } from "@posthaste/core/storage/port";
import type { Caller } from "../../caller.ts";

/** Whether a caller is shown an event type: one without flags, or with one of the caller's. */
export function isShown({ featureFlags }: Caller, eventType: EventType): boolean {
  const flags = eventType.featureFlags ?? [];
  return featureFlags === null || flags.length === 0 || flags.some((flag) => featureFlags.includes(flag));
}

/** As many event types of a page as are shown, read in parts of the page's size. */
export async function readShown(
  caller: Caller,
  page: Page,
  read: (part: Page) => Promise<readonly EventType[]>,
): Promise<readonly EventType[]> {
  if (caller.featureFlags === null) return read(page);
  const shown: EventType[] = [];
  let { after } = page;
  for (;;) {
    const part = await read({ ...page, after });
    shown.push(...part.filter((eventType) => isShown(caller, eventType)));
    after = part.at(-1)?.name ?? null;
    if (part.length < page.limit || shown.length >= page.limit) return shown.slice(0, page.limit);
  }
}
