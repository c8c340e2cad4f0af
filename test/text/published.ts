/** The golden files of tokenizers, chat templates and GGUF vocabularies, outside the repository; see their README. */
import * as fs from "node:fs";

export const GOLDEN = "../shared/reference/hf";
export const STORIES = "../shared/models/stories260K";

/** Why tests of golden files are skipped, if they are. */
export const absent = fs.existsSync(GOLDEN) && fs.existsSync(STORIES) ? undefined : `no ${GOLDEN} or ${STORIES}`;

/** A text with its ids; parts that are left out are as the others say. */
export interface EncodingCase {
  readonly text: string;
  readonly ids: number[];
  /** Without special tokens around it; default: ids. */
  readonly bare?: number[];
  /** Without special tokens; default: text. */
  readonly decoded?: string;
  /** Default: decoded. */
  readonly decoded_with_special?: string;
  /** GGUF of Qwen2: the ids without NFC. */
  readonly without_nfc?: number[];
}

export interface GoldenTokens {
  readonly cases: EncodingCase[];
  readonly decode: { readonly ids: number[]; readonly decoded: string }[];
}

export const readAny = (path: string) => JSON.parse(fs.readFileSync(path, "utf8"));

export const readGolden = (path: string): GoldenTokens => readAny(path);
