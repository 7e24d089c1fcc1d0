import { TRANSFORMATION_OUTPUT_MAX_CHARS } from "../domain/limits.ts";

/**
 * What stands in a sandbox before the endpoint's code, as JavaScript. It makes `env` and returns the function that
 * runs the handler; what that uses is taken aside here, so the code can change every built-in without changing it.
 * The payload is parsed only when the code looks at it: what is passed on unseen keeps every digit.
 */
export function preludeOf(variables: Readonly<Record<string, string>> | null): string {
  const text = JSON.stringify(JSON.stringify(variables ?? {}));
  return `(() => {
  "use strict";
  const { parse, stringify } = JSON, { defineProperty, freeze } = Object, math = Math, { imul } = Math, Fault = TypeError;
  defineProperty(globalThis, "env", { value: freeze(parse(${text})), enumerable: true });
  return (handler, frame, stored, seed) => {
    if (typeof handler !== "function") throw new Fault("there is no function called handler");
    let state = seed;
    math.random = () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
    const webhook = parse(frame);
    let payload, seen = false;
    defineProperty(webhook, "payload", {
      enumerable: true,
      get() { if (!seen) { payload = parse(stored); seen = true; } return payload; },
      set(value) { payload = value; seen = true; },
    });
    const out = handler(webhook);
    if (typeof out !== "object" || out === null) throw new Fault("handler must return the webhook it was given");
    if (typeof out.then === "function") throw new Fault("handler must not be async: return the webhook itself");
    const asStored = out === webhook && !seen;
    const body = asStored ? "" : stringify(out.payload);
    if (body === undefined) throw new Fault("webhook.payload cannot be written as JSON");
    const { url, method, headers } = out;
    const head = stringify({ url, method, headers, cancel: out.cancel === true, asStored });
    if (head.length + body.length > ${TRANSFORMATION_OUTPUT_MAX_CHARS}) throw new Fault("the webhook is larger than 1 MiB");
    return head + "\\n" + body;
  };
})()`;
}
