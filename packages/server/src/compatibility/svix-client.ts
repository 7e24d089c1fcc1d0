/** Which operation each method of Svix's npm client calls, and which of those our tests call through it. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const TESTS = new URL("../", import.meta.url);

/** `METHOD /path/{param}` of each method, by its name from the client on: `message.poller.poll`. */
export function clientMethods(): Map<string, string> {
  const source = readFileSync(fileURLToPath(import.meta.resolve("svix")), "utf8");
  const classes = new Map<string, string>();
  for (const part of source.split(/^var (?=[\w$]+ = class\b)/m).slice(1)) {
    const [name = ""] = part.split(" ", 1);
    classes.set(name, part.slice(0, part.search(/^};/m)));
  }
  const methods = new Map<string, string>();
  collect({ name: "Svix", prefix: "", classes, methods });
  return methods;
}

function collect(place: {
  readonly name: string;
  readonly prefix: string;
  readonly classes: ReadonlyMap<string, string>;
  readonly methods: Map<string, string>;
}): void {
  const { name, prefix, classes, methods } = place;
  const body = classes.get(name) ?? "";
  for (const member of body.split(/^\t(?=(?:async |get )?\w+\()/m).slice(1)) {
    const [, own = ""] = /^(?:async |get )?(\w+)/.exec(member) ?? [];
    const [, inner] = /^get \w+\(\) \{\s*return new ([\w$]+)\(/.exec(member) ?? [];
    const [, method, path] = /new SvixRequest\("([A-Z]+)", "([^"]+)"\)/.exec(member) ?? [];
    if (inner !== undefined) collect({ ...place, name: inner, prefix: `${prefix}${own}.` });
    if (method !== undefined && path !== undefined) methods.set(`${prefix}${own}`, `${method} ${path}`);
  }
}

/** The operations that a test calls through Svix's client. */
export function testedOperations(methods: ReadonlyMap<string, string>): Set<string> {
  const tested = new Set<string>();
  for (const file of readdirSync(TESTS).filter((name) => /^svix-client.*\.test\.ts$/.test(name))) {
    const source = readFileSync(new URL(file, TESTS), "utf8");
    for (const [, chain = ""] of source.matchAll(/\b[a-z]\w*\s*\.\s*((?:\w+\s*\.\s*)*\w+)\(/g)) {
      const operation = methods.get(chain.replaceAll(/\s/g, ""));
      if (operation !== undefined) tested.add(operation);
    }
  }
  return tested;
}
