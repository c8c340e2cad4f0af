/** A table on a page: the first column has names, all others have numbers. */
import { escapeHtml } from "./escape.ts";

/** Returns the table, which scrolls where the page is narrow. */
export function htmlTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (tag: string) => (text: string, i: number) =>
    `<${tag}${i === 0 ? "" : ` class="number"`}>${escapeHtml(text)}</${tag}>`;
  const line = (tag: string, cells: readonly string[]) => `<tr>${cells.map(cell(tag)).join("")}</tr>`;
  return `<div class="scroll"><table>
<thead>${line("th", header)}</thead>
<tbody>
${rows.map((row) => line("td", row)).join("\n")}
</tbody></table></div>`;
}
