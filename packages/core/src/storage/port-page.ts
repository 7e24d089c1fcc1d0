export interface Page {
  readonly limit: number;
  /** Only what lies beyond this id (or name) in the order asked for; null = from the start. */
  readonly after: string | null;
  readonly order: "ascending" | "descending";
}
