/** A plain text table: words left, numbers right. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => String(row[column] ?? "").length)),
  );
  const line = (cells: readonly (string | number)[]): string =>
    `  ${cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return typeof cell === "number" ? String(cell).padStart(width) : cell.padEnd(width);
      })
      .join("   ")}`;
  const rule = `  ${widths.map((width) => "─".repeat(width)).join("───")}`;
  return [line(head), rule, ...rows.map((row) => line(row))].join("\n");
}
