/**
 * The byte-level alphabet of GPT-2, and its pre-tokens.
 *
 * A byte-level vocabulary writes every byte as one printable character (a space as "Ġ", a line feed as "Ċ"), so that a
 * token is a plain string whatever bytes it stands for. Learning merges is in bpe-trainer.ts, reading files of other
 * origin in tokenizer-json.ts.
 */
/** Two tokens that become one. */
export type Merge = readonly [left: string, right: string];

/** The character that stands for each of the 256 bytes: its own where Latin-1 prints one, else U+0100, U+0101, … */
export const BYTE_SYMBOLS: readonly string[] = byteSymbols();

const BYTE_OF_SYMBOL = new Map(BYTE_SYMBOLS.map((symbol, byte) => [symbol, byte]));

/**
 * GPT-2's words: an English suffix, letters, digits or signs with at most one space before them, or white space. Its `\s` is
 * Unicode's white space; that of JavaScript has U+FEFF and lacks U+0085.
 */
const PRE_TOKEN =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** The words of a text, over whose borders BPE never merges, in order; joined together they are the text again. */
export function* preTokens(text: string): Generator<string> {
  for (const [word] of text.matchAll(PRE_TOKEN)) yield word;
}

/** Bytes as the characters that stand for them: "é" is "Ã©". */
export function symbolsOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => BYTE_SYMBOLS[byte]).join("");
}

/** The bytes that a token's characters stand for; undefined if one of them is not of the alphabet. */
export function bytesOfToken(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = BYTE_OF_SYMBOL.get(token[i]);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}

function byteSymbols(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCharCode(printable ? byte : next++);
  });
}
