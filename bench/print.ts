import { machineLine } from "./machine.ts";
import type { SubjectName } from "./options.ts";
import { usageIsKnown } from "./process-usage.ts";
import type { Results, Row } from "./results.ts";
import type { SearchResult } from "./scenarios/search.ts";
import type { EventCost, PostgresGrowthResult, StateCost } from "./scenarios/postgres-growth.ts";

const NAMES: Readonly<Record<SubjectName, string>> = {
  posthaste: "Posthaste, one message a request",
  "posthaste-batch": "Posthaste, batches of 100",
  "posthaste-postgres": "Posthaste on PostgreSQL, one node",
  "posthaste-postgres-2": "Posthaste on PostgreSQL, two nodes",
  relay: "In-memory relay (Fastify → undici), stores nothing",
  bullmq: "BullMQ on Redis, undici",
};

export function printed(results: Results, markdown: boolean): string {
  const parts = [sentence(results)];
  if (results.rows.length > 0) parts.push(table(results.rows.map(rowCells), markdown));
  const scenarioRows = scenarioCells(results);
  if (scenarioRows.length > 0) parts.push(table(scenarioRows, markdown));
  if (results.bars.length > 0) parts.push(table(barCells(results), markdown));
  parts.push(noise(results), ...results.notes, machineLine(results.machine));
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function sentence({ rows, ratios }: Results): string {
  const posthaste = rows.find((row) => row.subject === "posthaste");
  if (posthaste === undefined) return "";
  const others = [
    ...(ratios.relay === null ? [] : [`${ratios.relay.toFixed(2)} × an in-memory relay that stores nothing`]),
    ...(ratios.bullmq === null ? [] : [`${ratios.bullmq.toFixed(2)} × BullMQ on Redis`]),
  ];
  const rate = whole(posthaste.eventsPerSecond);
  return `Posthaste delivered ${rate} events/s, each on disk before its 202 and recorded after${others.length > 0 ? `: ${others.join(", ")}` : ""}.`;
}

/** Above this share of the machine, what others do shows in the figures. */
const NOISE = 0.1;

function noise({ rows }: Results): string {
  const shares = rows.map((row) => row.othersCpuShare);
  const most = Math.max(0, ...shares);
  if (most < NOISE) return "";
  return `Other programs took up to ${Math.round(most * 100)} % of the machine meanwhile: rates and latencies are worse than they can be, and not comparable.`;
}

type Cells = Readonly<Record<string, string>>;

function rowCells(row: Row): Cells {
  return {
    "": NAMES[row.subject],
    "events/s delivered": whole(row.eventsPerSecond),
    "CPU µs/event": usageIsKnown ? whole(row.cpuMicrosPerEvent) : "n/a",
    ...(row.databaseCpuMicrosPerEvent > 0 ? { "of PostgreSQL": whole(row.databaseCpuMicrosPerEvent) } : {}),
    "p50 at half rate": `${row.deliveredP50Ms.toFixed(1)} ms`,
    "p99 at half rate": `${row.deliveredP99Ms.toFixed(1)} ms`,
    "peak memory": usageIsKnown ? megabytes(row.peakRssBytes) : "n/a",
    ...(row.refused + row.duplicates > 0
      ? { "refused, then sent again": whole(row.refused), duplicates: whole(row.duplicates) }
      : {}),
  };
}

function scenarioCells({ scenarios }: Results): Cells[] {
  const { pending, neighbour, growth, postgresGrowth, transformation, replay, search } = scenarios;
  const rows: Cells[] = [];
  const add = (scenario: string, result: string): void => {
    rows.push({ "Posthaste when": scenario, "what happens": result });
  };
  if (pending !== undefined) {
    const { acceptedPerSecond, peakRssBytes, rssBytes, readyMs, firstDeliveryMs, steadyMs } = pending;
    add(
      `no endpoint answers and ${whole(pending.pending)} deliveries wait`,
      `${whole(acceptedPerSecond)} events/s accepted, ${megabytes(peakRssBytes)} at most, ${megabytes(rssBytes)} in the end`,
    );
    add(
      "it is killed (-9) then, and started again",
      `ready after ${seconds(readyMs)}, first delivery after ${seconds(firstDeliveryMs)}, half speed after ${seconds(steadyMs)}, ` +
        `then ${whole(pending.drainPerSecond)} deliveries/s, ${megabytes(pending.peakRssAfterRestartBytes)} at most` +
        `; ${whole(pending.delivered)} delivered${pending.dueLater > 0 ? `, ${whole(pending.dueLater)} due later` : ""}`,
    );
  }
  if (neighbour !== undefined) {
    const half = ({ eventsPerSecond, p50Ms, p99Ms }: typeof neighbour.allAnswer): string =>
      `${whole(eventsPerSecond)} events/s to the other 50; at half the rate p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
    add("all of 100 endpoints answer", half(neighbour.allAnswer));
    add("50 of 100 endpoints hang", half(neighbour.halfHangs));
  }
  if (transformation !== undefined) {
    const { p50Micros, p99Micros } = transformation;
    add(
      "an endpoint transforms",
      `p50 ${whole(p50Micros)} µs, p99 ${whole(p99Micros)} µs more for an attempt`,
    );
  }
  if (replay !== undefined) {
    const live = ({ eventsPerSecond, p50Ms, p99Ms }: typeof replay.alone): string =>
      `${whole(eventsPerSecond)} live events/s; at half the rate p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
    add("nothing is replayed", live(replay.alone));
    add(`an endpoint gets ${whole(replay.replayed)} messages again`, live(replay.besideReplay));
  }
  for (const [when, what] of search === undefined ? [] : searchLines(search)) add(when, what);
  for (const cost of growth === undefined ? [] : [growth.small, growth.large]) {
    add(
      `${whole(cost.stored)} messages are stored`,
      `${whole(cost.cpuMicrosPerEvent)} CPU µs/event, ${whole(cost.eventsPerSecond)} events/s`,
    );
  }
  for (const cost of postgresGrowth === undefined ? [] : statesOf(postgresGrowth)) {
    const waiting = cost.retriesWaiting > 0 ? `, ${whole(cost.retriesWaiting)} retries wait` : "";
    add(
      `${whole(cost.stored)} messages are stored in PostgreSQL${waiting}`,
      `commit ${costOf(cost.commit)}; claim ${costOf(cost.claim)}` +
        (cost.autovacuums > 0 ? `; autovacuum went through ${whole(cost.autovacuums)} tables` : ""),
    );
  }
  return rows;
}

function searchLines({ stored, ...stores }: SearchResult): (readonly [when: string, what: string])[] {
  return (["sqlite", "postgres"] as const).flatMap((store) => {
    const { asked, whole: all } = stores[store];
    const where = `${whole(stored)} messages are in ${store === "sqlite" ? "SQLite" : "PostgreSQL"}`;
    return [
      ...asked.map(
        ({ what, p50Ms, p95Ms }) =>
          [`${where}: ${what}`, `p50 ${p50Ms.toFixed(1)} ms, p95 ${p95Ms.toFixed(1)} ms`] as const,
      ),
      [
        `${where}: every payload of one application`,
        `${whole(all.messages)} looked through in ${whole(all.looks)} calls, ${seconds(all.ms)}`,
      ] as const,
    ];
  });
}

function statesOf({ small, large, withRetries }: PostgresGrowthResult): readonly StateCost[] {
  return [small, large, withRetries];
}

function costOf({ cpuMicros, serverCpuMicros, wallMicros }: EventCost): string {
  return `${whole(cpuMicros)} CPU µs/event (${whole(serverCpuMicros)} of PostgreSQL), ${whole(1e6 / wallMicros)} events/s`;
}

function barCells(results: Results): Cells[] {
  return results.bars.map(({ name, wanted, value, met }) => ({
    bar: name,
    wanted,
    measured: value,
    "": met ? "met" : "MISSED",
  }));
}

function table(rows: readonly Cells[], markdown: boolean): string {
  const headings = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [headings, ...rows.map((row) => headings.map((heading) => row[heading] ?? ""))];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  // Text to the left, figures to the right.
  const figures = headings.map((heading) =>
    rows.every((row) => /^$|^[≥<]?\s?\d[\d.,]*( \S{1,2})?$/.test(row[heading] ?? "")),
  );
  const pad = (text: string, column: number): string =>
    figures[column] ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0);
  const printedLines = lines.map((line) => line.map(pad));
  if (!markdown) return printedLines.map((line) => line.join("  ").trimEnd()).join("\n");
  const rule = headings.map((_, column) => (figures[column] ? "---:" : "---"));
  return [printedLines[0] ?? [], rule, ...printedLines.slice(1)]
    .map((line) => `| ${line.join(" | ")} |`)
    .join("\n");
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function megabytes(bytes: number): string {
  return `${whole(bytes / 1e6)} MB`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
