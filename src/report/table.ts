/**
 * Plain-text tables, for terminals and log files: columns as wide as their widest cell, two spaces between them. Cells may hold
 * names of any origin, so they are made printable.
 */
import { printable } from "../base/printable.ts";

type Side = "left" | "right";

/**
 * Formats each row as a line. `align` is the side of all cells, or a list of sides for the columns, whose last one also
 * applies to the columns after it. Rows may have fewer cells than others.
 */
export function formatTable(cells: readonly (readonly string[])[], align: Side | readonly [Side, ...Side[]]): string {
  const rows = cells.map((row) => row.map(printable));
  const sides = typeof align === "string" ? [align] : align;
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(0, ...rows.map((row) => row[i]?.length ?? 0)));
  const pad = (cell: string, i: number) =>
    (sides[i] ?? sides.at(-1)) === "left" ? cell.padEnd(widths[i]) : cell.padStart(widths[i]);
  return rows.map((row) => `  ${row.map(pad).join("  ")}`.trimEnd()).join("\n");
}
