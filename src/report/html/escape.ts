/** Text in HTML. It needs nothing of Node, so that charts can be drawn in a page. */

/** Escapes `text` for an element, or for an attribute in double quotes. */
export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
