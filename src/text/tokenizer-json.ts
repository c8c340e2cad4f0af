/**
 * Reads a Hugging Face tokenizer.json and accepts it only if it is byte-level BPE that loses nothing: whatever passes
 * here encodes every text and gives it back unchanged. Refused are normalizers, prefix spaces, pre-tokenizers that
 * remove text, added tokens that swallow spaces, and vocabularies with holes, each with an InputError that says which.
 * Encoding itself is in tokenizer.ts.
 */
import { InputError } from "../base/errors.ts";
import { quote } from "../formats/json-scanner.ts";
import { BYTE_SYMBOLS, bytesOfToken, type Merge } from "./byte-level.ts";

/** Characters of a pattern to split by; real ones have some hundred. */
const LONGEST_PATTERN = 10_000;

/** The keys of a tokenizer.json that are used; all others are kept as they are. */
export interface TokenizerJson {
  /** Whatever else the file has. */
  [key: string]: unknown;
  /** Tokens that are looked for before everything else. */
  added_tokens: AddedToken[];
  /** How text is cut into words. */
  pre_tokenizer: Step;
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
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map(([left, right]) => `${left} ${right}`),
    },
  };
}

/** Checks parsed JSON and fills in what may be left out. `source` is the file that an InputError names. */
export function readTokenizerJson(json: unknown, source: string): TokenizerJson {
  try {
    return checked(json);
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    throw new InputError(`${source} is not a usable tokenizer: ${error.message}`);
  }
}

/** All tokens by id, the added ones over those of the model. */
export function tokensById(json: TokenizerJson): string[] {
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(json.model.vocab)) tokens[id] = token;
  for (const { id, content } of json.added_tokens) tokens[id] = content;
  return tokens;
}

/** The reason for a refusal; `readTokenizerJson` adds the file's name. */
class Unusable extends Error {}

function demand(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new Unusable(reason);
}

function checked(json: unknown): TokenizerJson {
  demand(isObject(json), "it must be a JSON object as Hugging Face's tokenizer.json is");
  const { model, pre_tokenizer, added_tokens = [] } = json;
  demand(isObject(model) && model.type === "BPE", 'its model must be of type "BPE"');
  const [decoder, ...more] = stepsOf(json.decoder, "decoders");
  demand(
    isStep(decoder) && decoder.type === "ByteLevel" && more.length === 0,
    'its decoder must be of type "ByteLevel"',
  );
  demand(stepsOf(json.normalizer, "normalizers").length === 0, "its normalizer alters text and must be null");
  demandLosslessSplit(pre_tokenizer);
  const checkedModel = checkModel(model);
  demandHarmlessAddedTokens(added_tokens, checkedModel);
  demandDenseIds(checkedModel.vocab, added_tokens);
  return { ...json, normalizer: null, pre_tokenizer, decoder, added_tokens, model: checkedModel };
}

/** The steps of a part: none where it is null, and those of its parts for a "Sequence", which may be empty. */
function stepsOf(part: unknown, key: string): unknown[] {
  if (part === undefined || part === null) return [];
  const parts = isStep(part) && part.type === "Sequence" ? part[key] : undefined;
  return Array.isArray(parts) ? parts.flatMap((inner) => stepsOf(inner, key)) : [part];
}

/** "ByteLevel" without prefix space, alone or as the last step after steps that only split. */
function demandLosslessSplit(value: unknown): asserts value is Step {
  demand(isStep(value), "it must have a pre_tokenizer");
  const { type, pretokenizers } = value;
  const steps: unknown[] = type === "Sequence" && Array.isArray(pretokenizers) ? pretokenizers : [value];
  const last = steps.at(-1);
  demand(isStep(last) && last.type === "ByteLevel", 'its pre_tokenizer must be "ByteLevel" or end in it');
  demand(isOff(last.add_prefix_space), "add_prefix_space of its pre_tokenizer must be false");
  demand(isOff(last.use_regex) || last.use_regex === true, "use_regex of its pre_tokenizer must be true or false");
  for (const step of steps.slice(0, -1)) {
    demand(isStep(step) && onlySplits(step), "its pre_tokenizer has a step that may remove or alter text");
  }
}

/** The only lossless behaviour that the library implements is "Isolated"; the others would give other tokens. */
function onlySplits({ type, pattern, behavior, invert }: Step): boolean {
  if (type !== "Split") return type === "Digits";
  return isPattern(pattern) && behavior === "Isolated" && isOff(invert);
}

function isPattern(pattern: unknown): boolean {
  if (!isObject(pattern)) return false;
  const [given, ...more] = [pattern.Regex, pattern.String].filter((text) => text !== undefined);
  return typeof given === "string" && given.length <= LONGEST_PATTERN && more.length === 0 && !isExplosive(given);
}

/** Whether a group is repeated or referred to, on which an engine that goes back can spend a lifetime: `(a+)+`. */
function isExplosive(pattern: string): boolean {
  const withoutCharacters = pattern.replaceAll(/\\[^1-9k]|\[\^?\]?(?:\\.|[^\]\\])*\]/gs, "");
  return /\)[*+{]|\\[1-9k]/.test(withoutCharacters);
}

function checkModel(model: Record<string, unknown>): Model {
  const { vocab, merges } = model;
  for (const key of ["continuing_subword_prefix", "continuing_subword_suffix", "end_of_word_suffix"]) {
    demand((model[key] ?? "") === "", `model.${key} must be null`);
  }
  demand(isOff(model.fuse_unk) || model.unk_token == null, "model.fuse_unk with an unk_token would drop text");
  demandByteVocabulary(vocab);
  demandMerges(merges, vocab);
  return { ...model, vocab, merges };
}

function demandByteVocabulary(vocab: unknown): asserts vocab is Model["vocab"] {
  demand(isObject(vocab), "model.vocab must map tokens to ids");
  for (const [token, id] of Object.entries(vocab)) {
    demand(Number.isInteger(id), `the id of the token ${quote(token)} must be an integer`);
  }
  const missing = BYTE_SYMBOLS.findIndex((symbol) => !Object.hasOwn(vocab, symbol));
  demand(missing < 0, `model.vocab must have a token for every byte, but byte ${missing} has none`);
}

function demandMerges(merges: unknown, vocab: Model["vocab"]): asserts merges is Model["merges"] {
  demand(Array.isArray(merges), "model.merges must be a list");
  for (const [index, merge] of merges.entries()) {
    demand(typeof merge === typeof merges[0], "model.merges must be all pairs, or all strings");
    const pair: unknown = typeof merge === "string" ? merge.split(" ") : merge;
    demand(isPair(pair), `model.merges[${index}] must be a pair of tokens`);
    for (const token of [...pair, pair.join("")]) {
      demand(
        Object.hasOwn(vocab, token),
        `model.merges[${index}] needs ${quote(token)}, which model.vocab does not have`,
      );
    }
  }
}

function isPair(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((token) => typeof token === "string");
}

function demandHarmlessAddedTokens(added: unknown, model: Model): asserts added is AddedToken[] {
  demand(Array.isArray(added), "added_tokens must be a list");
  for (const [index, token] of added.entries()) {
    demand(isAddedToken(token), `added_tokens[${index}] must have an id and a content`);
    const { content, lstrip, rstrip } = token;
    const named = `the added token ${quote(content)}`;
    demand(isOff(lstrip) && isOff(rstrip), `${named} swallows spaces (lstrip or rstrip)`);
    // With ignore_merges a whole word of the text may be taken for a token.
    const mistakable = Object.hasOwn(model.vocab, content) || !isOff(model.ignore_merges);
    demand(
      !mistakable || standsForItself(content),
      `${named} hides a token of model.vocab that stands for other bytes`,
    );
  }
}

function standsForItself(token: string): boolean {
  const bytes = bytesOfToken(token);
  return bytes === undefined || new TextDecoder().decode(bytes) === token;
}

/** Ids must be 0, 1, 2, … without a hole, and a token of the model that is not also an added one be made of bytes. */
function demandDenseIds(vocab: Model["vocab"], added: readonly AddedToken[]): void {
  const byId = new Map<number, string>();
  const addedContents = new Set(added.map(({ content }) => content));
  const entries = [...Object.entries(vocab), ...added.map(({ content, id }): [string, number] => [content, id])];
  for (const [token, id] of entries) {
    const other = byId.get(id) ?? token;
    demand(other === token, `the tokens ${quote(other)} and ${quote(token)} have the same id ${id}`);
    const ofBytes = addedContents.has(token) || bytesOfToken(token) !== undefined;
    demand(ofBytes, `the token ${quote(token)} is not byte-level`);
    byId.set(id, token);
  }
  for (let id = 0; id < byId.size; id++) {
    demand(byId.has(id), `ids must run from 0 to ${byId.size - 1} without a hole, but ${id} is missing`);
  }
}

/** Whether a switch is off. What is neither true nor false would be on to some readers, and off to others. */
function isOff(value: unknown): boolean {
  return value === undefined || value === null || value === false;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isAddedToken(value: unknown): value is AddedToken {
  return isObject(value) && Number.isInteger(value.id) && typeof value.content === "string" && value.content !== "";
}

function isStep(value: unknown): value is Step {
  return isObject(value) && typeof value.type === "string";
}
