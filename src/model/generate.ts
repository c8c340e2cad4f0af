/**
 * Generation (ALGORITHM.md, section 3, a token at a time): a model reads documents into its memory and then writes. The text
 * that it writes also enters the memory. sampling.ts draws the tokens.
 */
import { noGrad, step } from "../autodiff/tape.ts";
import { breathe } from "../base/breathe.ts";
import {
  aFunction,
  aName,
  aSignal,
  check,
  checkOptions,
  type Kinds,
  optional,
  someOptions,
  tokenIds,
} from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { type Field, integer, parseFields } from "../base/fields.ts";
import { Random } from "../base/random.ts";
import type { TokenizedDocument } from "../data/corpus.ts";
import { someDocuments, tokensOf } from "../data/documents.ts";
import {
  aLanguageModel,
  type LanguageModel,
  promptIds,
  type ReadingState,
  requireVocabulary,
} from "../nn/language-model.ts";
import type { SegmentInput } from "../nn/segment.ts";
import { TokenStream } from "../text/token-stream.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { finite } from "./losses.ts";
import { type SamplingOptions, sampleToken, samplingFields } from "./sampling.ts";

/** The options of generation. */
export interface GenerationOptions extends SamplingOptions {
  /** Tokens to write. */
  tokens: number;
  /** Seed of the random draws. */
  seed: number;
}

/** Every option of `generate`, in the order of `--help`. */
export const generationFields: Readonly<Record<keyof GenerationOptions, Field>> = {
  tokens: integer(200, 0, 1e9, "tokens to write"),
  ...samplingFields,
  seed: integer(0, 0, Number.MAX_SAFE_INTEGER, "seed of the random draws"),
};

/** What sources call a text that the model wrote, which continues the document before it. */
export const WRITTEN = "(written)";

/** A token that was written. */
export interface GeneratedToken {
  /** Number of the token in the vocabulary. */
  readonly id: number;
  /** The characters that this token completes behind the prompt, perhaps none. */
  readonly text: string;
}

/** The parts of a generation that are not numbers. */
export interface GenerationCallbacks extends Pick<SegmentInput, "observe"> {
  /** Ends the text early. */
  readonly signal?: AbortSignal;
}

/** The options of reading. */
export interface ReadingOptions {
  /** Called after every segment: tokens read so far, and in all. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends the reading after the current segment. */
  readonly signal?: AbortSignal;
}

/**
 * Reads a document into the memory and the context of `state`, which has one row. Earlier documents stay in the memory but
 * leave the context. `name` is for the sources, if the state notes them.
 */
export async function readDocument(
  model: LanguageModel,
  state: ReadingState,
  ids: Int32Array,
  options: ReadingOptions & { readonly name?: string } = {},
): Promise<void> {
  await readOne(model, state, ids, options, "whole");
}

/**
 * Reads a document into the memory of `state`, which has one row, and ends it. The memory is then as after `readDocument`, to the bit, and sooner,
 * since layers behind it are not computed. `name` is for the sources, if the state notes them.
 */
export async function memorizeDocument(
  model: LanguageModel,
  state: ReadingState,
  ids: Int32Array,
  options: ReadingOptions & { readonly name?: string } = {},
): Promise<void> {
  await readOne(model, state, ids, options, "for memories alone");
  state.endDocument();
}

/** Reads the documents completely and ends the last one, so that the memory holds all of them, as far as they fit. */
export async function memorizeDocuments(
  model: LanguageModel,
  state: ReadingState,
  documents: readonly TokenizedDocument[],
  options: ReadingOptions = {},
): Promise<void> {
  requireReading(model, state);
  check("documents", documents, someDocuments);
  checkOptions("reading options", options, readingKinds);
  await readInOrder(model, state, documents, options, "for memories alone");
  state.endDocument();
}

/**
 * Reads the documents, and returns the prompt for `generate`, which continues the last document. If `prompt` is empty, the
 * result is that document's last token, which is then left unread.
 */
export async function readDocuments(
  model: LanguageModel,
  state: ReadingState,
  documents: readonly TokenizedDocument[],
  prompt: Int32Array,
  options: ReadingOptions = {},
): Promise<Int32Array> {
  requireReading(model, state);
  check("documents", documents, someDocuments);
  check("prompt", prompt, tokenIds);
  checkOptions("reading options", options, readingKinds);
  const last = documents.at(-1);
  if (prompt.length > 0 || last === undefined) {
    await readInOrder(model, state, documents, options, "whole");
    return prompt;
  }
  const cut = { name: last.name, tokens: () => tokensOf(last).subarray(0, -1) };
  await readInOrder(model, state, [...documents.slice(0, -1), cut], options, "whole");
  return tokensOf(last).subarray(-1);
}

/**
 * Reads `prompt` in the context of `state`, which has one row, and continues it one token at a time. An empty prompt is the
 * token that begins a text, or a line break. A token that ends a text is the last one, and has no text of its own. The last token written stays unread; to continue later, begin the next prompt with it. An abort ends the text early.
 * `observe` is shown what was retrieved for each token that is written.
 * If the state notes sources, the written text is a document of its own, called `(written)`.
 * @throws InputError for an impossible option, a prompt outside the model's vocabulary, or logits that are not finite
 */
export async function* generate(
  model: LanguageModel,
  tokenizer: Tokenizer,
  state: ReadingState,
  prompt: Int32Array,
  allOptions: Partial<GenerationOptions> & GenerationCallbacks = {},
): AsyncGenerator<GeneratedToken, void> {
  requireVocabulary(model, tokenizer);
  requireReading(model, state);
  check("prompt", prompt, tokenIds);
  check("options", allOptions, someOptions);
  const { signal, observe, ...given } = allOptions;
  check("signal", signal, optional(aSignal));
  check("observe", observe, optional(aFunction));
  const options = parseFields(generationFields, given, "generation") as unknown as GenerationOptions;
  const random = new Random(options.seed);
  const stream = new TokenStream(tokenizer);
  const ids = prompt.length > 0 ? prompt : emptyPrompt(model, tokenizer);
  stream.follow(ids);
  await read(model, state, ids.subarray(0, -1), { signal });
  let last = ids.subarray(-1);
  for (let left = options.tokens; left > 0 && !signal?.aborted; left--) {
    const logits = finite(step(() => noGrad(() => model.forward({ ids: last, observe }, state).toArray()))); // [1, 1, V]
    if (left === options.tokens) state.sources.at(0)?.openDocument(WRITTEN, true);
    const id = sampleToken(logits.subarray(0, tokenizer.vocabSize), options, random); // what follows is padding
    const isStop = model.stopIds.includes(id);
    const text = isStop ? "" : stream.push(id);
    yield { id, text: isStop || left === 1 ? text + stream.flush() : text };
    if (isStop) return;
    last = Int32Array.of(id);
    await breathe();
  }
}

/** Reads the token that `generate` left unread, the last that was written or that of the prompt, so that a document that ends there is remembered whole. */
export function memorizeLast(model: LanguageModel, state: ReadingState, id: number): void {
  if (model.stopIds.includes(id)) return; // it is no part of the text
  step(() => noGrad(() => model.memorize({ ids: Int32Array.of(id) }, state)));
}

const readingKinds: Kinds<ReadingOptions> = { onProgress: optional(aFunction), signal: optional(aSignal) };

/** @throws InputError if `state` is not a state of `model` with one row */
export function requireReading(model: LanguageModel, state: ReadingState): void {
  check("model", model, aLanguageModel);
  model.requireState(state);
  if (state.rows !== 1) throw new InputError(`state: got one of ${state.rows} rows; it must have one row`);
}

/** What a text begins with: the token that the tokenizer puts there, or else a line break. */
function emptyPrompt(model: LanguageModel, tokenizer: Tokenizer): Int32Array {
  const begin = promptIds(model, tokenizer, "");
  return begin.length > 0 ? begin : tokenizer.encode("\n");
}

/** How a document is read: so that its text can be continued, or only so that the memories hold it. */
type Depth = "whole" | "for memories alone";

/** Reads one document after the other, all but the last for the memories alone. Progress counts the tokens of all documents. */
async function readInOrder(
  model: LanguageModel,
  state: ReadingState,
  documents: readonly TokenizedDocument[],
  { onProgress, signal }: ReadingOptions,
  depthOfLast: Depth,
): Promise<void> {
  const total = documents.reduce((sum, document) => sum + tokensOf(document).length, 0);
  let before = 0;
  for (const document of documents) {
    const [{ name }, tokens] = [document, tokensOf(document)];
    const onDocument = (done: number) => onProgress?.(before + done, total);
    const depth = document === documents.at(-1) ? depthOfLast : "for memories alone";
    await readOne(model, state, tokens, { name, onProgress: onDocument, signal }, depth);
    before += tokens.length;
  }
}

/** Reads one document, which ends those before it. */
async function readOne(
  model: LanguageModel,
  state: ReadingState,
  ids: Int32Array,
  options: ReadingOptions & { readonly name?: string },
  depth: Depth,
): Promise<void> {
  requireReading(model, state);
  check("ids", ids, tokenIds);
  checkOptions("reading options", options, { ...readingKinds, name: optional(aName) });
  state.endDocument();
  state.sources.at(0)?.openDocument(options.name ?? "");
  await read(model, state, ids, options, depth);
}

/** Reads a segment at a time, without computing logits. */
async function read(
  model: LanguageModel,
  state: ReadingState,
  ids: Int32Array,
  { onProgress, signal }: ReadingOptions,
  depth: Depth = "whole",
): Promise<void> {
  for (let done = 0; done < ids.length && !signal?.aborted; ) {
    const input = { ids: ids.subarray(done, done + state.room) };
    step(() => noGrad(() => (depth === "whole" ? model.hidden(input, state) : model.memorize(input, state))));
    done += input.ids.length;
    onProgress?.(done, ids.length);
    await breathe();
  }
}
