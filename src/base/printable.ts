/**
 * The border between texts of any origin and a terminal. Names of files, documents and tensors may hold anything: an escape
 * sequence that retitles the window, a carriage return that hides what was printed before, an override that turns the
 * direction of writing. Every message, table, progress line and result passes through here.
 */

/**
 * Controls (C0, DEL, C1), line and paragraph separators, marks and overrides of the writing direction (Unicode Annex 9), and
 * halves of surrogate pairs, which also stand for bytes that are not UTF-8 (platform/path-bytes.ts).
 */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Surrogate}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** `text` as one line, with escapes such as `\n`, `\x1b` and `\u202e` in place of what a terminal would obey. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, escaped);
}

/** The same for a text of several lines: line breaks stay, and tabs. */
export function printableLines(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => (/[\n\t]/.test(character) ? character : escaped(character)));
}

/** The same for JSON, which keeps its meaning: JSON.stringify escapes only the controls below the space. */
export function printableJson(json: string): string {
  return json.replaceAll(UNPRINTABLE, (character) => (character === "\n" ? character : `\\u${hex(character, 4)}`));
}

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code & 0xff).toString(16)}`; // a byte of a name
  return SHORT[character] ?? (code <= 0xff ? `\\x${hex(character, 2)}` : `\\u${hex(character, 4)}`);
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, "0");
}
