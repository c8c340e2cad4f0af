/** Tells why a file is left out of the corpus: what nobody wrote, what cannot be read, and what may not be learned from. */

const COPYLEFT =
  /GNU (Lesser |Library |Affero )?General Public|GNU Free Documentation|\b[AL]?GPL(v?[23])?\b|Mozilla Public License|CeCILL-C|share-?alike|CC[- ]BY[- ]SA/i;
const GENERATED =
  /@generated|auto-?generated|automatically generated|generated (automatically|by|from)|do not (edit|modify)/i;
const COMMON_WORDS = /\b(the|of|and|is|to|in|that|with|for|are|be|this|by|an?)\b/gi;

/** Kinds whose files are meant to be English. */
const ENGLISH = ["latex", "docs", "prose"];
const LEAST_ENGLISH = 0.1;
const LEAST_CHARACTERS = 150;

/** A header stands in the first of these characters. */
const HEADER = 4_000;

/** The reason why a text is left out, in a word or two; undefined if it is not. */
export function refusalOf(text, { kind, split }) {
  if (text === undefined || text.includes("\0")) return "not UTF-8";
  if (text.length < LEAST_CHARACTERS) return "short";
  const header = text.slice(0, HEADER);
  if (split === undefined && COPYLEFT.test(header)) return "copyleft";
  if (kind === "code" && GENERATED.test(header)) return "generated";
  if (kind === "code" && isMinified(text)) return "minified";
  if (shareOf(text, /[0-9]/g) > 0.2) return "table";
  if (ENGLISH.includes(kind) && !isEnglish(text)) return "not English";
  return undefined;
}

function isMinified(text) {
  const lines = text.split("\n");
  return text.length / lines.length > 150 || lines.some((line) => line.length > 5_000);
}

function isEnglish(text) {
  const words = text.match(/\p{L}+/gu)?.length ?? 0;
  return words > 0 && (text.match(COMMON_WORDS)?.length ?? 0) / words >= LEAST_ENGLISH;
}

function shareOf(text, pattern) {
  return (text.match(pattern)?.length ?? 0) / text.length;
}
