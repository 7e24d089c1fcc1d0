/**
 * The layer rules of ARCHITECTURE.md, as errors. "Who may import whom": an arrow that is not allowed here
 * is a design change and needs an ADR.
 */
const tests = "(\\.test\\.ts$|/testing/)";

/** A package may import only the listed packages of ours. */
const mayImport = (from, allowed) => ({
  name: `${from}-layer`,
  severity: "error",
  comment: `packages/${from} may import only: ${allowed.join(", ") || "nothing of ours"}`,
  from: { path: `^packages/${from}/`, pathNot: tests },
  to: { path: "^packages/", pathNot: [from, ...allowed].map((name) => `^packages/${name}/`) },
});

/** Inside core: a folder may import only the listed places of core. */
const coreMayImport = (from, allowed) => ({
  name: `core-${from.replace("/", "-")}-layer`,
  severity: "error",
  comment: `core/${from} may import only: ${allowed.join(", ") || "nothing else of core"}`,
  from: { path: `^packages/core/src/${from}`, pathNot: tests },
  to: {
    path: "^packages/core/src/",
    pathNot: [from, ...allowed].map((name) => `^packages/core/src/${name}`),
  },
});

/** What the stores share. */
const storeParts = [
  "domain",
  "storage/port",
  "storage/codes",
  "storage/contain",
  "storage/credential-row",
  "storage/id-range",
  "storage/ordinary",
  "storage/type-counts",
  "storage/transfer",
  "storage/migrations",
  "storage/transfer",
];

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-undeclared-package",
      severity: "error",
      comment: "Every import is declared in the package.json of the package that uses it.",
      from: { path: "^packages/", pathNot: tests },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown", "npm-dev"] },
    },
    { name: "no-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "no-junk-drawer",
      severity: "error",
      comment: "No folder called utils, common, helpers or shared: name it for what it does.",
      from: {},
      to: { path: "/(utils|common|helpers|shared)/", pathNot: "node_modules" },
    },
    {
      name: "tests-stay-in-tests",
      severity: "error",
      from: { path: "^packages/", pathNot: tests },
      to: { path: tests },
    },
    mayImport("receiver", []),
    mayImport("catalog", []),
    mayImport("core", ["receiver"]),
    mayImport("server", ["core", "receiver", "catalog", "connectors", "client"]),
    mayImport("cli", ["client", "catalog", "receiver", "server"]),
    coreMayImport("domain", []),
    coreMayImport("runtime", ["domain"]),
    coreMayImport("storage/port", ["domain"]),
    coreMayImport("storage/sqlite", storeParts),
    coreMayImport("storage/postgres", storeParts),
    coreMayImport("storage/sealed", ["domain", "runtime", "storage/port"]),
    coreMayImport("storage/transfer", ["domain"]),
    coreMayImport("storage/codes", ["domain"]),
    coreMayImport("storage/contain", ["storage/port"]),
    coreMayImport("storage/credential-row", ["domain"]),
    coreMayImport("storage/id-range", ["domain", "storage/port"]),
    coreMayImport("storage/ordinary", ["domain"]),
    coreMayImport("storage/type-counts", ["domain", "storage/port", "storage/codes"]),
    coreMayImport("egress", ["domain", "runtime"]),
    coreMayImport("transform", ["domain", "runtime", "egress"]),
    coreMayImport("engine", ["domain", "runtime", "storage/port", "egress", "transform"]),
    coreMayImport("simulation", ["domain", "runtime", "storage/port", "egress", "engine", "transform"]),
    {
      name: "simulation-is-nobodys-part",
      severity: "error",
      comment: "The simulator looks at the program; no part of the program knows it.",
      from: { path: "^packages/", pathNot: ["^packages/core/src/simulation/", tests] },
      to: { path: "^packages/core/src/simulation/" },
    },
    {
      name: "domain-is-pure",
      severity: "error",
      from: { path: "^packages/core/src/domain", pathNot: tests },
      to: { dependencyTypes: ["core", "npm"] },
    },
    {
      name: "concrete-store-only-where-opened",
      severity: "error",
      comment:
        "A concrete store is named by server/open-store.ts, the migrate, export and import commands and tests only.",
      from: {
        path: "^packages/",
        pathNot: [
          "^packages/core/src/storage/",
          "^packages/server/src/(open-store|migrate|transfer)\\.ts$",
          tests,
        ],
      },
      to: { path: "^packages/core/src/storage/(sqlite|postgres)" },
    },
    {
      name: "undici-only-in-egress",
      severity: "error",
      from: { path: "^packages/", pathNot: ["^packages/core/src/egress", tests] },
      to: { path: "node_modules/undici/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "packages/[^/]+/(dist|node_modules)" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "types"] },
  },
};
