/**
 * Blanks everything but code: comments, strings, templates and regular expressions become spaces, line for line and column for
 * column, so that a search for operators finds only operators. It knows just enough of the language for that.
 */

/** Characters after which a slash begins a regular expression instead of dividing. */
const BEFORE_PATTERN = "(,=:[!&|?{};+>";

/** The same text, equally long, with spaces in place of everything that a program does not compute with. */
export function codeOnly(text: string): string {
  let code = "";
  for (let at = 0; at < text.length; ) {
    const end = endOfNoCode(text, at, code);
    code += end > at ? text.slice(at, end).replaceAll(/[^\n]/g, " ") : text[at];
    at = Math.max(end, at + 1);
  }
  return code;
}

/** Where the comment or literal that begins at `at` ends; `at` itself if none begins there. */
function endOfNoCode(text: string, at: number, before: string): number {
  const two = text.slice(at, at + 2);
  if (two === "//") return endAfter(text, "\n", at, 0);
  if (two === "/*") return endAfter(text, "*/", at + 2, 2);
  if (text[at] === '"' || text[at] === "'" || text[at] === "`") return endOfQuoted(text, at);
  const isPattern = text[at] === "/" && BEFORE_PATTERN.includes(before.trimEnd().at(-1) ?? "(");
  return isPattern ? endOfPattern(text, at) : at;
}

function endAfter(text: string, mark: string, from: number, more: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? text.length : found + more;
}

function endOfQuoted(text: string, at: number): number {
  const quote = text[at];
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (quote === "`" && text.startsWith("${", i)) i = endOfInsertion(text, i + 2);
    else if (text[i] === quote) return i + 1;
  }
  return text.length;
}

/** The brace that closes what a template inserts. */
function endOfInsertion(text: string, from: number): number {
  let depth = 1;
  for (let i = from; i < text.length; i++) {
    if (text[i] === "`" || text[i] === '"') i = endOfQuoted(text, i) - 1;
    else if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0) return i;
  }
  return text.length;
}

function endOfPattern(text: string, at: number): number {
  let inClass = false;
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "[") inClass = true;
    else if (text[i] === "]") inClass = false;
    else if (text[i] === "/" && !inClass) return i + 1;
  }
  return text.length;
}
