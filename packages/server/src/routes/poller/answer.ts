import type { Answer } from "../../answer.ts";
import { toIterator } from "./iterator.ts";
import type { Polled } from "./read.ts";

export function pollAnswer({ items, position, done }: Polled): Answer {
  const data = items.map(({ text }) => text).join(",");
  return { status: 200, text: `{"data":[${data}],"iterator":"${toIterator(position)}","done":${done}}` };
}
