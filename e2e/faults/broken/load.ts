/**
 * Put before the program with `node --import …/load.ts?NAME`: changes the source of one part of it as it is
 * loaded, in every thread. A change that no longer fits the source ends the process.
 */
import { registerHooks } from "node:module";
import { CONDITIONS, MUTANTS } from "./mutants.ts";

const name = new URL(import.meta.url).search.slice(1);
const changes = MUTANTS[name] ?? CONDITIONS[name];
if (changes === undefined) throw new Error(`there is no change ${name}`);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const mine = changes.filter(({ file }) => url.endsWith(`/packages/${file}`));
    if (mine.length === 0) return loaded;
    let source = textOf(loaded.source);
    for (const { file, find, replace } of mine) {
      if (source.split(find).length !== 2) {
        console.error(`the change ${name} does not fit ${file}: what it replaces is not there exactly once`);
        process.exit(99);
      }
      source = source.replace(find, () => replace);
    }
    return { ...loaded, source };
  },
});

function textOf(source: string | ArrayBuffer | NodeJS.TypedArray | null | undefined): string {
  if (typeof source === "string") return source;
  if (source === null || source === undefined) return "";
  if (source instanceof ArrayBuffer) return Buffer.from(source).toString();
  return Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString();
}
