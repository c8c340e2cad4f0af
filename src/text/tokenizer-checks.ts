/**
 * Reads a Hugging Face tokenizer.json and accepts it only if its BPE has a token for every byte, or one that stands for those
 * without: whatever passes here encodes every text and gives it back, changed at most as the steps of tokenizer-steps.ts say. Refused are vocabularies
 * with holes, merges of tokens that do not exist, and added tokens that swallow spaces, each with an InputError that says
 * which.
 */
import { InputError } from "../base/errors.ts";
import { quote } from "../formats/json-scanner.ts";
import { BYTE_SYMBOLS, bytesOfToken } from "./byte-level.ts";
import type { AddedToken, Model, TokenizerJson } from "./tokenizer-json.ts";
import { readSteps, type Spelling } from "./tokenizer-steps.ts";
import { demand, isObject, isOff, isStep, stepsOf, Unusable } from "./unusable.ts";

/** Checks parsed JSON and fills in what may be left out. `source` is the file that an InputError names. */
export function readTokenizerJson(json: unknown, source: string): TokenizerJson {
  try {
    return checked(json);
  } catch (error) {
    // The library compiles the patterns of the file.
    if (!(error instanceof Unusable || error instanceof SyntaxError)) throw error;
    throw new InputError(`${source} is not a usable tokenizer: ${error.message.slice(0, 200).replaceAll(/\s/g, " ")}`);
  }
}

/** The token of a byte where the vocabulary has byte fallback. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

const isByteToken = (token: string) => /^<0x[0-9A-Fa-f]{2}>$/.test(token);

function checked(json: unknown): TokenizerJson {
  demand(isObject(json), "it must be a JSON object as Hugging Face's tokenizer.json is");
  const { model, added_tokens = [] } = json;
  demand(isObject(model) && isBpe(model), 'its model must be of type "BPE"');
  const { spelling } = readSteps(json);
  const checkedModel = checkModel(model, spelling);
  demandHarmlessAddedTokens(added_tokens, checkedModel, spelling);
  demandDenseIds(checkedModel.vocab, added_tokens, spelling);
  demandSomeMerges(checkedModel, added_tokens);
  const [decoder, ...more] = stepsOf(json.decoder, "decoders");
  return {
    ...json,
    normalizer: stepsOf(json.normalizer, "normalizers").length === 0 ? null : json.normalizer,
    pre_tokenizer: isStep(json.pre_tokenizer) ? json.pre_tokenizer : null,
    decoder: more.length === 0 ? decoder : json.decoder,
    added_tokens,
    model: checkedModel,
  };
}

/** A vocabulary without merges would encode every text as bytes, and a model understand little of them. */
function demandSomeMerges({ vocab, merges }: Model, added: readonly AddedToken[]): void {
  const tokens = new Set(Object.keys(vocab));
  for (const { content } of added) tokens.delete(content);
  demand(merges.length > 0 || tokens.size === 256, `model.merges is empty, but model.vocab has ${tokens.size} tokens`);
}

function checkModel(model: Record<string, unknown>, spelling: Spelling): Model {
  const { vocab, merges } = model;
  for (const key of ["continuing_subword_prefix", "continuing_subword_suffix", "end_of_word_suffix"]) {
    demand((model[key] ?? "") === "", `model.${key} must be null`);
  }
  const isByteLevel = spelling === "byte-level";
  demand(isByteLevel || model.byte_fallback === true, "model.byte_fallback must be true, as its decoder says");
  demand(!isByteLevel || isOff(model.byte_fallback), "model.byte_fallback must be false, as its decoder is byte-level");
  demand(isByteLevel || isOff(model.ignore_merges), "model.ignore_merges must be false with byte_fallback");
  const drops = isByteLevel && !isOff(model.fuse_unk) && model.unk_token != null;
  demand(!drops, "model.fuse_unk with an unk_token would drop text");
  demandByteVocabulary(vocab, isByteLevel ? (byte) => BYTE_SYMBOLS[byte] : byteToken, unknownToken(model, isByteLevel));
  demandMerges(merges, vocab, spelling);
  return { ...model, type: "BPE", vocab, merges };
}

/** The oldest files, GPT-2's among them, name no type; of all kinds only BPE has merges. */
function isBpe({ type, vocab, merges }: Record<string, unknown>): boolean {
  return type === "BPE" || (type === undefined && isObject(vocab) && Array.isArray(merges));
}

/** The token that stands for bytes without one of their own, in byte-level vocabularies that have it. */
function unknownToken({ unk_token: token }: Record<string, unknown>, isByteLevel: boolean): string | undefined {
  return isByteLevel && typeof token === "string" ? token : undefined;
}

function demandByteVocabulary(
  vocab: unknown,
  tokenOf: (byte: number) => string,
  unknown: string | undefined,
): asserts vocab is Model["vocab"] {
  demand(isObject(vocab), "model.vocab must map tokens to ids");
  for (const [token, id] of Object.entries(vocab)) {
    demand(Number.isInteger(id), `the id of the token ${quote(token)} must be an integer`);
  }
  if (unknown !== undefined && Object.hasOwn(vocab, unknown)) return;
  const missing = BYTE_SYMBOLS.findIndex((_, byte) => !Object.hasOwn(vocab, tokenOf(byte)));
  demand(missing < 0, `model.vocab must have a token for every byte, but byte ${missing} has none`);
}

function demandMerges(merges: unknown, vocab: Model["vocab"], spelling: Spelling): asserts merges is Model["merges"] {
  demand(Array.isArray(merges), "model.merges must be a list");
  for (const [index, merge] of merges.entries()) {
    demand(typeof merge === typeof merges[0], "model.merges must be all pairs, or all strings");
    const pair: unknown = typeof merge === "string" ? merge.split(" ") : merge;
    demand(isPair(pair), `model.merges[${index}] must be a pair of tokens`);
    demand(
      spelling === "byte-level" || !pair.some(isByteToken),
      `model.merges[${index}] merges a token that stands for a byte`,
    );
    for (const token of [...pair, pair.join("")]) {
      demand(
        Object.hasOwn(vocab, token),
        `model.merges[${index}] needs ${quote(token)}, which model.vocab does not have`,
      );
    }
  }
}

function isPair(value: unknown): value is [string, string] {
  return (
    Array.isArray(value) && value.length === 2 && value.every((token) => typeof token === "string" && token !== "")
  );
}

function demandHarmlessAddedTokens(added: unknown, model: Model, spelling: Spelling): asserts added is AddedToken[] {
  demand(Array.isArray(added), "added_tokens must be a list");
  for (const [index, token] of added.entries()) {
    demand(isAddedToken(token), `added_tokens[${index}] must have an id and a content`);
    const { content, lstrip, rstrip, single_word, special, normalized } = token;
    const named = `the added token ${quote(content)}`;
    demand(isOff(lstrip) && isOff(rstrip), `${named} swallows spaces (lstrip or rstrip)`);
    demand(isOff(single_word), `${named} is looked for as a single word, which is not done here (single_word)`);
    const isClear = [special, normalized].every((flag) => isOff(flag) || flag === true);
    demand(isClear, `${named} must have true or false as special and normalized`);
    demand(spelling === "byte-level" || !isByteToken(content), `${named} is one that stands for a byte`);
    // With ignore_merges a whole word of the text may be taken for a token.
    const mistakable = Object.hasOwn(model.vocab, content) || !isOff(model.ignore_merges);
    demand(
      spelling !== "byte-level" || !mistakable || standsForItself(content),
      `${named} hides a token of model.vocab that stands for other bytes`,
    );
  }
}

function standsForItself(token: string): boolean {
  const bytes = bytesOfToken(token);
  return bytes === undefined || new TextDecoder().decode(bytes) === token;
}

/** Ids must be 0, 1, 2, … without a hole, and a byte-level token that is not also an added one be made of bytes. */
function demandDenseIds(vocab: Model["vocab"], added: readonly AddedToken[], spelling: Spelling): void {
  const byId = new Map<number, string>();
  const addedContents = new Set(added.map(({ content }) => content));
  const entries = [...Object.entries(vocab), ...added.map(({ content, id }): [string, number] => [content, id])];
  for (const [token, id] of entries) {
    const other = byId.get(id) ?? token;
    demand(other === token, `the tokens ${quote(other)} and ${quote(token)} have the same id ${id}`);
    const ofBytes = spelling !== "byte-level" || addedContents.has(token) || bytesOfToken(token) !== undefined;
    demand(ofBytes, `the token ${quote(token)} is not byte-level`);
    byId.set(id, token);
  }
  for (let id = 0; id < byId.size; id++) {
    demand(byId.has(id), `ids must run from 0 to ${byId.size - 1} without a hole, but ${id} is missing`);
  }
}

function isAddedToken(value: unknown): value is AddedToken {
  return isObject(value) && Number.isInteger(value.id) && typeof value.content === "string" && value.content !== "";
}
