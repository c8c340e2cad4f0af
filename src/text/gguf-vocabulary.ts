/**
 * The vocabulary in the metadata of a GGUF file, as a tokenizer. Such a file names its tokens, but its steps only by a
 * word, `tokenizer.ggml.pre`; this file knows what the words mean. The result is a tokenizer.json, so it can be written.
 */
import { aFlag, aText, check, checkOptions, isArrayOf, type Kinds, listOf, optional, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { quote } from "../formats/json-scanner.ts";
import { BpeTokenizer } from "./bpe-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { readTokenizerJson } from "./tokenizer-checks.ts";
import { type Model, plainBpe, type TokenizerJson } from "./tokenizer-json.ts";

/** The keys `tokenizer.ggml.*` of a GGUF file. */
export interface GgufVocabulary {
  /** Kind of vocabulary: byte-level BPE ("gpt2"), or SentencePiece with byte fallback ("llama"). */
  readonly model: string;
  /** `pre`: how "gpt2" cuts text into words. Absent in files of before 2024, and then as "default". */
  readonly pre?: string;
  /** All tokens by id, spelled as in a tokenizer.json. */
  readonly tokens: readonly string[];
  /** `token_type`: 1 text, 2 unknown, 3 special, 4 added, 5 unused, 6 byte. Absent: all are text. */
  readonly types?: readonly number[];
  /** "llama": the token of the highest score is merged first. */
  readonly scores?: readonly number[];
  /** "gpt2": pairs with a space between, the first merged first. */
  readonly merges?: readonly string[];
  /** `bos_token_id`. */
  readonly bos?: number;
  /** `eos_token_id`. */
  readonly eos?: number;
  /** `unknown_token_id`. */
  readonly unknown?: number;
  /** `add_bos_token`. Absent: true for "llama" and the words of Llama 3, false for others of "gpt2". */
  readonly addBos?: boolean;
  /** `add_eos_token`. Absent: false. */
  readonly addEos?: boolean;
  /** `add_space_prefix`, for "llama". Absent: true. */
  readonly addSpacePrefix?: boolean;
}

const aNumber = { what: "a number", accepts: (value: unknown) => typeof value === "number" };
const vocabularyKinds: Kinds<GgufVocabulary> = {
  model: aText,
  pre: optional(aText),
  tokens: listOf(aText),
  types: optional(listOf(aNumber)),
  scores: optional(listOf(aNumber)),
  merges: optional(listOf(aText)),
  bos: optional(aNumber),
  eos: optional(aNumber),
  unknown: optional(whole(0)),
  addBos: optional(aFlag),
  addEos: optional(aFlag),
  addSpacePrefix: optional(aFlag),
};

/** Numbers of `token_type`. */
const TEXT = 1;
const UNKNOWN = 2;
const SPECIAL = 3;
const ADDED = 4;

/**
 * Returns the tokenizer of a vocabulary.
 * @throws InputError that names `source`, the file, and what is wrong with its vocabulary
 */
export function tokenizerFromGguf(vocabulary: GgufVocabulary, source: string): Tokenizer {
  check("source", source, aText);
  checkOptions("vocabulary", vocabulary, vocabularyKinds);
  const refuse = (reason: string): never => {
    throw new InputError(`${source} has no usable tokenizer: ${reason}`);
  };
  const { model, tokens, types, bos, eos } = vocabulary;
  if (tokens.length === 0) refuse("tokenizer.ggml.tokens is empty");
  if (types !== undefined && types.length !== tokens.length) {
    refuse(`tokenizer.ggml.token_type has ${types.length} entries, but there are ${tokens.length} tokens`);
  }
  for (const [key, id] of Object.entries({ bos_token_id: bos, eos_token_id: eos })) {
    const isId = id === undefined || (Number.isInteger(id) && id >= 0 && id < tokens.length);
    if (!isId) refuse(`tokenizer.ggml.${key} is ${id}, but there are ${tokens.length} tokens`);
  }
  const seen = new Set<string>();
  for (const token of tokens) {
    if (seen.has(token)) refuse(`the token ${quote(token)} comes twice`);
    seen.add(token);
  }
  if (model === "gpt2") return byteLevelTokenizer(vocabulary, source, refuse);
  if (model === "llama") return sentencePieceTokenizer(vocabulary, source, refuse);
  return refuse(`tokenizer.ggml.model is ${quote(model)}; known are "gpt2" and "llama"`);
}

type Refuse = (reason: string) => never;

/** White space, and English suffixes and words, as Llama 3 and Qwen cut them; they differ in how many digits are a word. */
const modernWords = (digits: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
const GPT2_WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)";

/** What a name of `pre` stands for. */
interface Pre {
  /** Patterns at whose matches the text is cut, one after the other. */
  readonly patterns: readonly string[];
  readonly composes?: boolean;
  readonly ignoresMerges?: boolean;
  /** Whether texts begin with the beginning-of-text token unless the file says otherwise; llama.cpp knows it by the name. */
  readonly addsBos?: boolean;
}

const gpt2: Pre = { patterns: [GPT2_WORDS] };
const llama3: Pre = { patterns: [modernWords("\\p{N}{1,3}")], ignoresMerges: true, addsBos: true };

const pres: Readonly<Record<string, Pre>> = {
  "gpt-2": gpt2,
  smollm: { patterns: ["\\p{N}", GPT2_WORDS] },
  "llama-bpe": llama3,
  llama3,
  // A GGUF file has no place for a normalizer; Qwen's is NFC.
  qwen2: { patterns: [modernWords("\\p{N}")], composes: true },
  default: { patterns: ["[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2_WORDS, "\\p{N}+", "[0-9][0-9][0-9]"] },
};

function byteLevelTokenizer(vocabulary: GgufVocabulary, source: string, refuse: Refuse): Tokenizer {
  const { pre: name = "default", merges } = vocabulary;
  const pre = Object.hasOwn(pres, name) ? pres[name] : undefined;
  if (pre === undefined) {
    return refuse(`tokenizer.ggml.pre is ${quote(name)}; known are ${Object.keys(pres).map(quote).join(", ")}`);
  }
  if (merges === undefined) return refuse('tokenizer.ggml.merges is missing, which "gpt2" needs');
  const splits = pre.patterns.map((Regex) => ({
    type: "Split",
    pattern: { Regex },
    behavior: "Isolated",
    invert: false,
  }));
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  const json: TokenizerJson = {
    ...commonJson(vocabulary, pre.addsBos === true),
    normalizer: pre.composes ? { type: "NFC" } : null,
    pre_tokenizer: { type: "Sequence", pretokenizers: [...splits, byteLevel] },
    decoder: byteLevel,
    model: modelJson(vocabulary, [...merges], {
      ignore_merges: pre.ignoresMerges === true,
      unk_token: vocabulary.unknown === undefined ? null : (vocabulary.tokens[vocabulary.unknown] ?? null),
    }),
  };
  return new BpeTokenizer(readTokenizerJson(json, source));
}

/** Characters of the longest token whose parts are looked for, which takes the square of its length. */
const LONGEST_TOKEN = 1024;

function sentencePieceTokenizer(vocabulary: GgufVocabulary, source: string, refuse: Refuse): Tokenizer {
  const { tokens, scores, addSpacePrefix = true } = vocabulary;
  if (scores === undefined || !isArrayOf(scores, Number.isFinite) || scores.length !== tokens.length) {
    return refuse('tokenizer.ggml.scores must have a finite number for every token, which "llama" needs');
  }
  const long = tokens.find(({ length }) => length > LONGEST_TOKEN);
  if (long !== undefined) {
    return refuse(`tokenizer.ggml.tokens has one of ${long.length} characters; a token has ${LONGEST_TOKEN} at most`);
  }
  const { merges, ranks } = mergesByScore(vocabulary, scores);
  const replace = { type: "Replace", pattern: { String: " " }, content: "▁" };
  const prefix = addSpacePrefix ? [{ type: "Prepend", prepend: "▁" }] : [];
  const strip = addSpacePrefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : [];
  const json: TokenizerJson = {
    ...commonJson(vocabulary, true),
    normalizer: { type: "Sequence", normalizers: [...prefix, replace] },
    pre_tokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...strip,
      ],
    },
    model: modelJson(vocabulary, merges, {
      byte_fallback: true,
      fuse_unk: true,
      unk_token: tokens[vocabulary.unknown ?? 0],
    }),
  };
  return new BpeTokenizer(readTokenizerJson(json, source), ranks);
}

/**
 * Every way to make a token of two others, the highest score first. All ways to one token have the same rank, and so have
 * tokens of equal scores: there SentencePiece merges what stands further left.
 */
function mergesByScore({ tokens, types }: GgufVocabulary, scores: readonly number[]) {
  const isText = (id: number) => (types?.[id] ?? TEXT) === TEXT || types?.[id] === ADDED;
  const texts = new Set(tokens.filter((_, id) => isText(id)));
  const distinct = [...new Set(scores)].sort((a, b) => b - a);
  const rankOf = new Map(distinct.map((score, rank) => [score, rank]));
  const found = tokens.flatMap((token, id) => {
    return isText(id) ? waysTo(token, texts).map((merge) => ({ merge, rank: rankOf.get(scores[id])! })) : [];
  });
  found.sort((a, b) => a.rank - b.rank);
  return { merges: found.map(({ merge }) => merge), ranks: found.map(({ rank }) => rank) };
}

/** The pairs of `texts` that make up a token. */
function waysTo(token: string, texts: ReadonlySet<string>): [left: string, right: string][] {
  const ways: [string, string][] = [];
  let left = "";
  for (const character of token) {
    left += character;
    const right = token.slice(left.length);
    if (right !== "" && texts.has(left) && texts.has(right)) ways.push([left, right]);
  }
  return ways;
}

function commonJson(vocabulary: GgufVocabulary, addsBos: boolean) {
  const { tokens, types, bos, eos, addBos = addsBos, addEos = false } = vocabulary;
  const isSpecial = (id: number) => types?.[id] === SPECIAL || types?.[id] === UNKNOWN;
  const isAdded = (id: number) => isSpecial(id) || types?.[id] === ADDED;
  const added_tokens = [...tokens.keys()].filter(isAdded).map((id) => ({
    id,
    content: tokens[id],
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: isSpecial(id),
  }));
  const frame = { begin: addBos && bos !== undefined ? [bos] : [], end: addEos && eos !== undefined ? [eos] : [] };
  return { version: "1.0", truncation: null, padding: null, added_tokens, post_processor: templateJson(tokens, frame) };
}

function templateJson(tokens: readonly string[], { begin, end }: { begin: readonly number[]; end: readonly number[] }) {
  if (begin.length + end.length === 0) return null;
  const special = (id: number) => ({ SpecialToken: { id: tokens[id], type_id: 0 } });
  const sequence = (id: string) => ({ Sequence: { id, type_id: 0 } });
  const around = (name: string) => [...begin.map(special), sequence(name), ...end.map(special)];
  const used = [...begin, ...end].map((id) => [tokens[id], { id: tokens[id], ids: [id], tokens: [tokens[id]] }]);
  return {
    type: "TemplateProcessing",
    single: around("A"),
    pair: [...around("A"), ...around("B")],
    special_tokens: Object.fromEntries(used),
  };
}

function modelJson({ tokens }: GgufVocabulary, merges: Model["merges"], settings: Record<string, unknown>): Model {
  return {
    ...plainBpe,
    byte_fallback: false,
    ignore_merges: false,
    ...settings,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges,
  };
}
