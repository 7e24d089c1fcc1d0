const KINDS = ["event types", "applications", "endpoints"] as const;
export type Kind = (typeof KINDS)[number];
export type Became = "new" | "changed" | "as before" | "not copied";

const COLUMNS = ["new", "changed", "as before", "not copied"] as const satisfies readonly Became[];

/** Something that was not copied, or not wholly, and what a person can do about it. */
export interface Note {
  /** "application ana, endpoint site". */
  readonly where: string;
  readonly what: string;
}

/** What a copy comes to. */
export class Report {
  readonly notes: Note[] = [];
  readonly #counts = new Map<Kind, Map<Became, number>>(KINDS.map((kind) => [kind, new Map()]));

  count(kind: Kind, became: Became): void {
    const counts = this.#counts.get(kind);
    counts?.set(became, (counts.get(became) ?? 0) + 1);
  }

  note(where: string, what: string): void {
    this.notes.push({ where, what });
  }

  of(kind: Kind, became: Became): number {
    return this.#counts.get(kind)?.get(became) ?? 0;
  }

  /** A table, and below it what is left to do. */
  toText(): string {
    const rows = [
      ["", ...COLUMNS],
      ...KINDS.map((kind) => [kind, ...COLUMNS.map((became) => this.of(kind, became).toLocaleString("en"))]),
    ];
    const table = rows.map(
      ([kind = "", ...cells]) => `  ${kind.padEnd(13)}${cells.map((cell) => cell.padStart(12)).join("")}`,
    );
    if (this.notes.length === 0) return [...table, "", "Nothing is left to do by hand."].join("\n");
    const sorted = this.notes.toSorted((a, b) => (a.where < b.where ? -1 : a.where > b.where ? 1 : 0));
    const lines = sorted.map(({ where, what }) => `  ${where}: ${what}`);
    return [...table, "", `Not copied, or not wholly (${lines.length}):`, ...lines].join("\n");
  }
}
