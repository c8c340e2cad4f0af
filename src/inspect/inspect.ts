/**
 * Watches a memory at work (paper, section 4.6). A document is read twice, with memory and without, over the same tokens. For
 * each token we note the loss of its prediction and the pairs retrieved for it. inspection-summary.ts adds the numbers up.
 */
import { breathe } from "../base/breathe.ts";
import {
  aFunction,
  aName,
  check,
  checkOptions,
  type Kinds,
  optional,
  someObject,
  tokenIds,
  whole,
} from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { allOrNothing } from "../base/lifetime.ts";
import { type MemorySnapshot, requireModel, requireTokens, restoreSnapshot } from "../memory/snapshot.ts";
import { requireSnapshot } from "../memory/snapshot-check.ts";
import type { SourceTable } from "../memory/source-table.ts";
import { targetLosses } from "../model/losses.ts";
import { aMemorySize } from "../model/state.ts";
import { type LanguageModel, type ReadingState, requireVocabulary } from "../nn/language-model.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type MemoryHead, RetrievalWatch } from "./retrieval-watch.ts";
import type { RetrievedPairs } from "./retrieved-pairs.ts";

/** The result of an inspection of n tokens. The first token is never predicted, so its numbers are 0. */
export interface Inspection {
  /** The document's name. */
  readonly name: string;
  /** Its tokens, [n]. */
  readonly ids: Int32Array;
  /** M of the memory that was inspected. */
  readonly memorySize: number;
  /** −ln p(token) with memory, [n]. */
  readonly nats: Float32Array;
  /** −ln p(token) without memory, [n]. */
  readonly natsWithout: Float32Array;
  /** All heads that have a memory, layer by layer. */
  readonly heads: readonly MemoryHead[];
  /** The share of the memory in each head's result, [n, heads]; 0 while the memory is empty. */
  readonly gates: Float32Array;
  /** The pairs retrieved for the prediction of each token. */
  readonly retrieved: RetrievedPairs;
  /** The sources of the pairs remembered before the document, oldest first. */
  readonly earlier: SourceTable;
  /**
   * For each remembered pair, the sum of its weights over all predictions and heads: first the earlier pairs, then those of
   * the document's tokens.
   */
  readonly received: Float64Array;
}

/** The options of an inspection. */
export interface InspectOptions {
  /** The document's name. Default: none. */
  readonly name?: string;
  /** M. Default: the size of `known`, or else the configuration's. */
  readonly memorySize?: number;
  /** The content of the memory before the document, with sources. Default: nothing. */
  readonly known?: MemorySnapshot;
  /** Retrieved pairs kept for each token, those with the largest shares. Default: 8. */
  readonly top?: number;
  /** Called after every segment with the tokens read so far, and in all, over both readings. */
  readonly onProgress?: (done: number, total: number) => void;
}

const inspectKinds: Kinds<InspectOptions> = {
  name: optional(aName),
  memorySize: optional(aMemorySize),
  known: optional(someObject),
  top: optional(whole(1, 2 ** 16 - 1)),
  onProgress: optional(aFunction),
};

/**
 * Reads `ids` with memory and without, and notes what each prediction retrieved and gained.
 * @throws InputError if the model has no memory, the document has nothing to predict, or another model made `known`
 */
export async function inspect(
  model: LanguageModel,
  tokenizer: Tokenizer,
  ids: Int32Array,
  options: InspectOptions = {},
): Promise<Inspection> {
  requireVocabulary(model, tokenizer);
  check("ids", ids, tokenIds);
  checkOptions("inspection options", options, inspectKinds);
  const { name = "", memorySize, known, top = 8, onProgress } = options;
  if (known !== undefined) {
    requireSnapshot(known);
    requireModel(known, model.fingerprint());
    requireTokens(known, tokenizer.vocabSize);
  }
  const predictions = ids.length - 1;
  if (predictions < 1) throw new InputError(`a document of ${ids.length} tokens has nothing to predict or inspect`);
  const [state, forgetful] = allOrNothing((own) => [
    own(model.newState({ rows: 1, memorySize: memorySize ?? known?.size, tokenizer })),
    own(model.newState({ rows: 1, memorySize: 0 })),
  ]);
  try {
    const [memory] = state.memories.values(); // all remember the same tokens
    if (memory === undefined) throw new InputError("the model reads without a memory, so there is nothing to inspect");
    if (known !== undefined) restoreSnapshot(state, 0, known);
    const watch = new RetrievalWatch(state, ids.length, top);
    const nats = await predict(model, state, ids, (done) => onProgress?.(done, 2 * predictions), watch);
    const natsWithout = await predict(model, forgetful, ids, (done) =>
      onProgress?.(predictions + done, 2 * predictions),
    );
    const { heads, gates, retrieved, earlier, received } = watch;
    return { name, ids, memorySize: memory.size, nats, natsWithout, heads, gates, retrieved, earlier, received };
  } finally {
    forgetful.release();
    state.release();
  }
}
/** Returns −ln p of every token [n], 0 for the first. Reads a segment at a time. */
async function predict(
  model: LanguageModel,
  state: ReadingState,
  ids: Int32Array,
  onProgress: (done: number) => void,
  watch?: RetrievalWatch,
): Promise<Float32Array> {
  const nats = new Float32Array(ids.length);
  for (let at = 0; at < ids.length - 1; ) {
    const end = Math.min(at + state.room, ids.length - 1);
    const input = { ids: ids.subarray(at, end), observe: watch?.segmentFrom(at) };
    const targets = ids.subarray(at + 1, end + 1);
    nats.set(targetLosses(model, input, targets, state), at + 1);
    at = end;
    onProgress(at);
    await breathe();
  }
  return nats;
}
