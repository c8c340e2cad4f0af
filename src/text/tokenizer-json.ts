/**
 * The content of a Hugging Face tokenizer.json, as far as it is used, and how ours are written. What is accepted is in
 * tokenizer-checks.ts.
 */
import type { Merge } from "./byte-level.ts";

/** The keys of a tokenizer.json that are used; all others are kept as they are. */
export interface TokenizerJson {
  /** Whatever else the file has. */
  [key: string]: unknown;
  /** Tokens that are looked for before everything else. */
  added_tokens: AddedToken[];
  /** How text is cut into words. */
  pre_tokenizer: Step | null;
  /** The vocabulary and its merges. */
  model: Model;
}

/** A token that is looked for in the text before everything else, such as "<|endoftext|>". */
export interface AddedToken {
  /** Whatever else the file has. */
  [key: string]: unknown;
  /** Number of the token. */
  id: number;
  /** Its text. */
  content: string;
  /** Whether it is one of the model's own signs, such as "<|im_end|>", and not text. */
  special?: boolean;
  /** Whether it is looked for in the normalized text. Default: if it is not special. */
  normalized?: boolean;
}

/** Its vocabulary and merges. */
export interface Model {
  /** Whatever else the file has. */
  [key: string]: unknown;
  /** Tokens and their numbers. */
  vocab: Record<string, number>;
  /** Newer files write a merge as a pair, older ones as two tokens with a space between. */
  merges: (string | [string, string])[];
}

/** A pre-tokenizer, or one of a sequence. */
export interface Step {
  /** Whatever else the file has. */
  [key: string]: unknown;
  /** The kind of pre-tokenizer. */
  type: string;
}

/** What every BPE model of a tokenizer.json that is written here says, whatever else it has. */
export const plainBpe = {
  type: "BPE",
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
} as const;

/**
 * A Hugging Face tokenizer.json of byte-level BPE.
 * @param tokens the vocabulary: token i has id i, the first 256 are BYTE_SYMBOLS
 * @param merges the pairs of tokens that are merged, the first learned first
 */
export function byteLevelJson(tokens: readonly string[], merges: readonly Merge[]): TokenizerJson {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...plainBpe,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map(([left, right]) => `${left} ${right}`),
    },
  };
}

/** The added tokens with the ids that they really have: the model's where its vocabulary has the same token. */
export function addedTokens({ added_tokens, model }: TokenizerJson): AddedToken[] {
  const idOf = ({ content, id }: AddedToken) => (Object.hasOwn(model.vocab, content) ? model.vocab[content] : id);
  return added_tokens.map((token) => ({ ...token, id: idOf(token) }));
}

/** All tokens by id, the added ones over those of the model. An id that stands for nothing has the empty token. */
export function tokensById(json: TokenizerJson): string[] {
  const tokens: string[] = [];
  for (const { id } of json.added_tokens) tokens[id] = "";
  for (const [token, id] of Object.entries(json.model.vocab)) tokens[id] = token;
  for (const { id, content } of addedTokens(json)) tokens[id] = content;
  return tokens;
}

/** The merges as pairs, however the file writes them. */
export function mergePairs({ merges }: Model): Merge[] {
  return merges.map((merge) => {
    const [left, right] = typeof merge === "string" ? merge.split(" ") : merge;
    return [left, right];
  });
}
