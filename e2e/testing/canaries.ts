/** Made-up secrets, each planted in one place, and the search for them everywhere else. */
import { randomBytes } from "node:crypto";

export interface Canaries {
  /** A new one, remembered under a name that says where it was planted. `form`: around the random part. */
  plant(name: string, form?: (random: string) => string): string;
  /** One that the program made itself. */
  watch(name: string, text: string): string;
  /** The names of those that a text holds, as they are or in another writing. */
  foundIn(text: string): string[];
}

export function canaries(): Canaries {
  const writings = new Map<string, readonly string[]>();
  const watch = (name: string, text: string): string => {
    writings.set(name, writingsOf(text));
    return text;
  };
  return {
    watch,
    plant(name, form = (random) => `canary${random}`) {
      return watch(name, form(randomBytes(24).toString("hex")));
    },
    foundIn: (text) =>
      [...writings].flatMap(([name, forms]) => (forms.some((form) => text.includes(form)) ? [name] : [])),
  };
}

const PREFIX = /^(whsec_|whsk_|phm_|phop_|phk_[a-z]+_)/;

/** As it is, without its prefix, and how dumps and logs may write it. */
function writingsOf(text: string): string[] {
  const bare = text.replace(PREFIX, "");
  const bytes = Buffer.from(bare);
  const key = Buffer.from(bare, "base64");
  return [
    bare,
    encodeURIComponent(bare),
    JSON.stringify(bare).slice(1, -1),
    bytes.toString("hex"),
    ...base64At3Places(bytes),
    // A key's own bytes, too.
    ...(PREFIX.test(text) ? [key.toString("hex"), key.toString("latin1"), key.toString("base64url")] : []),
  ];
}

/** Inside other text base64 starts at any of three places; what depends on the neighbours is left out. */
function base64At3Places(bytes: Buffer): string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    return text.slice(before === 0 ? 0 : 4, -4);
  });
}
