/**
 * How well a model predicts documents with memories of several sizes, over exactly the same tokens: perplexity and bits
 * per byte (paper, tables 4 and 5). Every size has a state of its own, so nothing here touches a running training.
 */
import { crossEntropy } from "../autodiff/ops/loss.ts";
import { noGrad, step } from "../autodiff/tape.ts";
import { type Batch, evaluationBatches } from "../data/batches.ts";
import type { TokenizedDocument } from "../data/corpus.ts";
import { InputError } from "../errors.ts";
import type { ModelState } from "../model/state.ts";
import type { Transformer } from "../model/transformer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { segmentOf } from "./segment.ts";

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

export interface EvaluateOptions {
  /** M, one result each; 0 is the model without memory. */
  readonly memorySizes: readonly number[];
  /** Tokens predicted in each document, from its beginning; all, unless given. */
  readonly maxTokens?: number;
  /** B, documents side by side; 1 unless given. Changes speed and memory, not the result. */
  readonly rows?: number;
  readonly onToken?: (loss: TokenLoss) => void;
  /** Called after every segment: predictions made so far, and in all, over all memory sizes. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface MemoryResult {
  readonly memory: number;
  /** exp(Σ nats / Σ tokens) */
  readonly perplexity: number;
  /** Σ nats / ln 2 / Σ bytes of the predicted tokens' text */
  readonly bits_per_byte: number;
  /** Σ nats over all tokens. */
  readonly nats: number;
}

export interface EvaluationResult {
  /** Predicted tokens, for each memory size. */
  readonly tokens: number;
  /** Bytes of text that those tokens stand for. */
  readonly bytes: number;
  readonly results: readonly MemoryResult[];
}

/**
 * Reads all documents once for each memory size, in the order of `memorySizes`.
 * @throws InputError if a size is impossible, or no document has anything to predict
 */
export function evaluate(
  model: Transformer,
  documents: readonly TokenizedDocument[],
  tokenizer: Tokenizer,
  { memorySizes, maxTokens = Infinity, rows = 1, onToken, onProgress }: EvaluateOptions,
): EvaluationResult {
  for (const size of memorySizes) checkMemorySize(model, size);
  const targets = documents.map((document) => document.tokens().subarray(1, maxTokens + 1));
  const tokens = targets.reduce((sum, { length }) => sum + length, 0);
  const bytes = targets.reduce((sum, ids) => sum + bytesOf(ids, tokenizer), 0);
  let done = 0;
  const results = memorySizes.map((memory) => {
    let nats = 0;
    const shape = { rows, segmentLength: model.config.segment_length, maxTokens };
    const state = model.newState({ rows, memorySize: memory });
    try {
      for (const batch of evaluationBatches(documents, shape)) {
        const losses = predict(model, state, batch); // [B, T]
        for (const { row, column } of predictions(batch, shape.segmentLength)) {
          const loss = losses[row * shape.segmentLength + column];
          nats += loss;
          done++;
          if (onToken === undefined) continue;
          const document = documents[batch.documents[row]];
          const index = batch.offsets[row] + column + 1;
          onToken({ document: document.name, index, token: document.tokens()[index], memory, nats: loss });
        }
        onProgress?.(done, tokens * memorySizes.length);
      }
    } finally {
      state.release();
    }
    return { memory, perplexity: Math.exp(nats / tokens), bits_per_byte: nats / Math.LN2 / bytes, nats };
  });
  return { tokens, bytes, results };
}

/** −ln p of each target of the batch [B, T], 0 where there is none. */
function predict(model: Transformer, state: ModelState, batch: Batch): Float32Array {
  const segment = segmentOf(batch, 0, state.rows);
  return step(() => noGrad(() => crossEntropy(model.forward(segment, state), segment.targets).nats.toArray()));
}

/** The places of a batch that predict a token, row by row. */
function* predictions(batch: Batch, segmentLength: number): Generator<{ row: number; column: number }> {
  for (let row = 0; row < batch.lengths.length; row++) {
    for (let column = 0; column < Math.min(segmentLength, batch.lengths[row]); column++) yield { row, column };
  }
}

function bytesOf(ids: Int32Array, tokenizer: Tokenizer): number {
  return ids.reduce((sum, id) => sum + tokenizer.byteLength(id), 0);
}

function checkMemorySize({ config }: Transformer, size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new InputError(`a memory size must be a whole number from 0 on, not ${size}`);
  }
  if (size > 0 && config.memory_layers.length === 0) {
    throw new InputError(`the model has no memory layers, so a memory of ${size} is impossible; evaluate it with 0`);
  }
}
