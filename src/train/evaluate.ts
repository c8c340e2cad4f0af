/**
 * Perplexity and bits per byte of a model, for several memory sizes over exactly the same tokens (paper, tables 4 and 5).
 * Every size has its own state, so an evaluation does not affect a running training.
 */
import { MASKED } from "../autodiff/ops/vocabulary.ts";
import {
  aFlag,
  aFunction,
  check,
  checkOptions,
  either,
  type Kinds,
  listOf,
  oneOf,
  optional,
  someObject,
  whole,
} from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { evaluationBatches } from "../data/batches.ts";
import type { TokenizedDocument } from "../data/corpus.ts";
import { someDocuments, tokensOf } from "../data/documents.ts";
import type { ServedPairs } from "../memory/served/served-pairs.ts";
import { type MemorySnapshot, requireModel, restoreSnapshot } from "../memory/snapshot.ts";
import { requireSnapshot } from "../memory/snapshot-check.ts";
import { targetLosses } from "../model/losses.ts";
import { aMemorySize } from "../model/state.ts";
import { Transformer } from "../model/transformer.ts";
import { type LanguageModel, type ReadingState, requireVocabulary } from "../nn/language-model.ts";
import { segmentOf } from "../nn/segment.ts";
import type { Retrieval } from "../nn/self-attention.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { EvaluationSums, type MemoryResult } from "./evaluation-sums.ts";
import type { GateMeans } from "./gate-means.ts";
import type { RecallMeter } from "./recall.ts";

/** One prediction. */
export interface TokenLoss {
  /** The document's name. */
  readonly document: string;
  /** Place of the predicted token in its document, from 1. */
  readonly index: number;
  /** Id of the predicted token. */
  readonly token: number;
  /** M, the memory size that it was predicted with. */
  readonly memory: number;
  /** −ln p(token). */
  readonly nats: number;
}

/** The options of an evaluation. */
export interface EvaluateOptions {
  /** M, with one result for each size; 0 is the model without memory. */
  readonly memorySizes: readonly number[];
  /** Tokens predicted in each document, from its beginning. Default: all. */
  readonly maxTokens?: number;
  /** B, documents side by side. Default: 1. Changes speed and memory, not the result. */
  readonly rows?: number;
  /** The content of the memory when a document begins; if it does not fit, only the newest pairs. Default: nothing. */
  readonly known?: MemorySnapshot;
  /** Pairs that others serve, older than all that is read, for every memory size above 0. Default: none. */
  readonly served?: ServedPairs;
  /** Whether to compare every search with exact search. */
  readonly recall?: boolean;
  /** Called with every prediction. */
  readonly onToken?: (loss: TokenLoss) => void;
  /** Called after every segment with the predictions so far, and in all, over all memory sizes. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** The result of an evaluation, over the same tokens for every memory size. */
export interface EvaluationResult {
  /** Predicted tokens, for each memory size. */
  readonly tokens: number;
  /** Bytes of the text of those tokens. */
  readonly bytes: number;
  /** One for each memory size. */
  readonly results: readonly MemoryResult[];
}

const evaluateKinds: Kinds<EvaluateOptions> = {
  memorySizes: listOf(aMemorySize),
  maxTokens: optional(either(whole(0), oneOf(Infinity))),
  rows: optional(whole(1, 2 ** 16)),
  known: optional(someObject),
  served: optional(someObject),
  recall: optional(aFlag),
  onToken: optional(aFunction),
  onProgress: optional(aFunction),
};

/**
 * Reads all documents once for each memory size, in the order of `memorySizes`.
 * @throws InputError if a size is impossible, no document has anything to predict, another model made `known`, or a loss is
 * not finite
 */
export function evaluate(
  model: LanguageModel,
  documents: readonly TokenizedDocument[],
  tokenizer: Tokenizer,
  options: EvaluateOptions,
): EvaluationResult {
  return [...evaluationInSteps(model, documents, tokenizer, options)].at(-1) as EvaluationResult;
}

/** `evaluate` as a generator, so callers can do other work or stop: yields undefined after each segment, then the result. */
export function* evaluationInSteps(
  model: LanguageModel,
  documents: readonly TokenizedDocument[],
  tokenizer: Tokenizer,
  options: EvaluateOptions,
): Generator<EvaluationResult | undefined> {
  requireVocabulary(model, tokenizer);
  check("documents", documents, someDocuments);
  checkOptions("evaluation options", options, evaluateKinds);
  const { tokens, bytes } = predictedOf(documents, tokenizer, options.maxTokens);
  const results: MemoryResult[] = [];
  for (const sums of sumsInSteps(model, documents, options, tokens)) {
    if (sums !== undefined) results.push(sums.result(tokens, bytes));
    else yield undefined;
  }
  yield { tokens, bytes, results };
}

/** How many tokens of the documents are predicted, and the bytes of their text. */
export function predictedOf(
  documents: readonly TokenizedDocument[],
  tokenizer: Tokenizer,
  maxTokens = Infinity,
): { readonly tokens: number; readonly bytes: number } {
  const targets = documents.map((document) => tokensOf(document).subarray(1, maxTokens + 1));
  const tokens = targets.reduce((sum, { length }) => sum + length, 0);
  const bytes = targets.reduce((sum, ids) => sum + bytesOf(ids, tokenizer), 0);
  return { tokens, bytes };
}

/**
 * The sums that a result is made of: yields undefined after each segment, and after each memory size its sums. `tokens` is the number of
 * predictions for one size.
 */
export function* sumsInSteps(
  model: LanguageModel,
  documents: readonly TokenizedDocument[],
  options: EvaluateOptions,
  tokens: number,
): Generator<EvaluationSums | undefined> {
  const { memorySizes, maxTokens = Infinity, rows = 1, known, served, recall = false, onToken, onProgress } = options;
  for (const size of memorySizes) checkMemorySize(model, size);
  if (recall && !(model instanceof Transformer)) {
    throw new InputError("recall: a model that others trained searches exactly, so there is nothing to compare");
  }
  if (recall && served !== undefined) {
    throw new InputError("recall: pairs that others serve are searched exactly, so there is nothing to compare");
  }
  if (known !== undefined) {
    requireSnapshot(known);
    requireModel(known, model.fingerprint());
  }
  let done = 0;
  for (const memory of memorySizes) {
    const sums = new EvaluationSums(memory, recall);
    const { gates, meter } = sums;
    for (const losses of tokenLosses(model, documents, { memory, maxTokens, rows, known, served, meter, gates })) {
      for (const loss of losses) {
        sums.nats += loss.nats;
        onToken?.(loss);
      }
      done += losses.length;
      onProgress?.(done, tokens * memorySizes.length);
      yield undefined;
    }
    yield sums;
  }
}

/** One reading of the documents. `meter` observes every search, `gates` every gate. */
interface Reading
  extends Required<Pick<EvaluateOptions, "maxTokens" | "rows">>,
    Pick<EvaluateOptions, "known" | "served"> {
  readonly memory: number;
  readonly meter: RecallMeter | undefined;
  readonly gates: GateMeans;
}

/** Yields all predictions with one memory size, a batch at a time. */
function* tokenLosses(
  model: LanguageModel,
  documents: readonly TokenizedDocument[],
  { memory, maxTokens, rows, known, served, meter, gates }: Reading,
): Generator<TokenLoss[]> {
  const state = model.newState({ rows, memorySize: memory, ...(memory > 0 && { served }) });
  const { segmentLength } = state;
  try {
    for (const batch of evaluationBatches(documents, { rows, segmentLength, maxTokens })) {
      const { ids, targets, starts, lengths } = segmentOf(batch, 0, rows);
      state.begin(starts);
      if (memory > 0 && known !== undefined) restoreWhere(starts, state, known);
      const measure = meter?.watch(state, lengths);
      const observe = (layer: number, retrieval: Retrieval) => {
        gates.observe(layer, retrieval);
        measure?.(layer, retrieval);
      };
      const nats = targetLosses(model, { ids, lengths, observe }, targets, state); // [B·T]
      yield Array.from(nats.keys())
        .filter((place) => targets[place] !== MASKED)
        .map((place) => {
          const row = Math.floor(place / segmentLength);
          const index = batch.offsets[row] + (place % segmentLength) + 1;
          const document = documents[batch.documents[row]].name;
          return { document, index, token: targets[place], memory, nats: nats[place] };
        });
    }
  } finally {
    state.release();
  }
}

/** Restores `known` in every row where a document begins. */
function restoreWhere(starts: Uint8Array, state: ReadingState, known: MemorySnapshot): void {
  starts.forEach((begins, row) => {
    if (begins) restoreSnapshot(state, row, known);
  });
}

function bytesOf(ids: Int32Array, tokenizer: Tokenizer): number {
  return ids.reduce((sum, id) => sum + tokenizer.byteLength(id), 0);
}

function checkMemorySize({ memoryLayers }: LanguageModel, size: number): void {
  if (size > 0 && memoryLayers.length === 0) {
    throw new InputError(`the model has no memory layers, so a memory of ${size} is impossible; evaluate it with 0`);
  }
}
