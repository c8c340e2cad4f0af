/**
 * A complete HTML page in one file that loads nothing: styles, data and script are inside. Texts may have any characters,
 * so everything goes through `escapeHtml` or `jsonScript`. If something slips through, the page's own policy still lets no
 * other script run and nothing be fetched.
 */
import { createHash } from "node:crypto";
import { escapeHtml } from "./escape.ts";

/** Mark that tells our pages from others. */
const MARK = '<meta name="generator" content="memorizing-transformer">';
/** Beginning of our pages from before they had the mark. */
const OLD_BEGINNING = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-`;

export interface Page {
  readonly title: string;
  readonly styles: string;
  /** HTML. */
  readonly body: string;
  readonly script?: string;
}

export function htmlPage({ title, styles, body, script }: Page): string {
  const policy = [
    "default-src 'none'",
    `style-src ${sourceHash(styles)}`,
    `script-src ${script === undefined ? "'none'" : sourceHash(script)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${MARK}
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${styles}</style>
</head>
<body>
${body}
${script === undefined ? "" : `<script>${script}</script>\n`}</body>
</html>
`;
}

/** Whether a file that begins with `text` is a page that this program wrote. */
export function beginsAsPage(text: string): boolean {
  return text.startsWith(OLD_BEGINNING) || (text.startsWith("<!doctype html>") && text.slice(0, 200).includes(MARK));
}

/** Returns an element with data for the page's script. Every `<` is escaped, so no text in it can end it. */
export function jsonScript(id: string, value: unknown): string {
  const json = JSON.stringify(value).replaceAll("<", "\\u003c");
  return `<script type="application/json" id="${escapeHtml(id)}">${json}</script>`;
}

/** Returns the name of an inline script or style in a Content-Security-Policy. */
function sourceHash(source: string): string {
  return `'sha256-${createHash("sha256").update(source).digest("base64")}'`;
}
