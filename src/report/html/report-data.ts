/**
 * Data of an inspection for the report's page: an object written as JSON. Long columns are base64 of little-endian numbers,
 * which takes a fifth of the bytes of decimal digits.
 */
import { Buffer } from "node:buffer";
import type { Inspection } from "../../inspect/inspect.ts";
import type { Excerpt, InspectedText } from "../inspected-text.ts";
import type { FileOfText } from "./client/place-of-line.ts";

/** A token that was read before the document, as the page shows it. */
export interface EarlierToken extends Excerpt {
  readonly place: string;
}

export interface ReportData {
  /** Text of the document. */
  readonly text: string;
  /** Files that make up the document, if it has several. */
  readonly files: readonly FileOfText[];
  /** Names of the heads. */
  readonly heads: readonly string[];
  /** Ends of the tokens in the text, in UTF-16 units; u32 [n]. */
  readonly ends: string;
  /** f32 [n] each. */
  readonly nats: string;
  readonly natsWithout: string;
  /** Gates times 255; u8 [n, heads]. */
  readonly gates: string;
  /** Number of pairs of each token; u8 [n]. */
  readonly counts: string;
  /** All pairs, those of the first token first: head (u16), token (i32), 65535 times weight (u16), score (f32). */
  readonly pairHeads: string;
  readonly pairTokens: string;
  readonly pairWeights: string;
  readonly pairScores: string;
  /** Tokens below 0 that are among the pairs, by number. */
  readonly earlier: Readonly<Record<number, EarlierToken>>;
}

/** Largest number of pairs per token, a u8. */
export const MOST_PAIRS = 255;

/** Characters shown on either side of an earlier token. */
const SURROUNDINGS = 90;

export function reportData(inspection: Inspection, text: InspectedText): ReportData {
  const { nats, natsWithout, gates, heads, retrieved } = inspection;
  const { texts } = text;
  let end = 0;
  const lists = texts.map((_, token) => retrieved.list(token));
  const pairs = lists.flat();
  const earlier = new Set(pairs.map(({ token }) => token).filter((token) => token < 0));
  return {
    text: texts.join(""),
    files: text.files,
    heads: heads.map(({ layer, head }) => `layer ${layer} head ${head}`),
    ends: base64(Uint32Array.from(texts, ({ length }) => (end += length))),
    nats: base64(nats),
    natsWithout: base64(natsWithout),
    gates: base64(Uint8Array.from(gates, (gate) => Math.round(255 * gate))),
    counts: base64(Uint8Array.from(lists, ({ length }) => length)),
    pairHeads: base64(Uint16Array.from(pairs, ({ head }) => head)),
    pairTokens: base64(Int32Array.from(pairs, ({ token }) => token)),
    pairWeights: base64(Uint16Array.from(pairs, ({ weight }) => Math.round(65535 * weight))),
    pairScores: base64(Float32Array.from(pairs, ({ score }) => score)),
    earlier: Object.fromEntries(
      [...earlier].map((token) => [token, { ...text.excerpt(token, SURROUNDINGS), place: text.place(token) }]),
    ),
  };
}

/** Encodes numbers as they lie in memory. Machines that run WebAssembly here are little-endian, and so are browsers'. */
function base64({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}
