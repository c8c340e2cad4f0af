/** What a set of remembering heads costs and brings, measured: the loss over documents, bytes and time a token. */
import { MASKED } from "../autodiff/ops/vocabulary.ts";
import { evaluationBatches } from "../data/batches.ts";
import type { Decoder } from "../families/decoder.ts";
import type { ReadingSettings } from "../families/reading-settings.ts";
import { targetLosses } from "../model/losses.ts";
import { segmentOf } from "../nn/segment.ts";
import type { GainReading } from "./gain-shares.ts";

/** A set of heads, measured. */
export interface MeasuredSet {
  /** The heads that remember. */
  readonly heads: ReadingSettings["memoryHeads"];
  /** Mean −ln p of a token, in nats. */
  readonly loss: number;
  /** Bytes of a remembered token in these heads, keys and values. */
  readonly bytesPerToken: number;
  /** Time of reading a token, in milliseconds. */
  readonly msPerToken: number;
}

/** Reads the documents with memories in `heads`. Yields the number of predicted tokens after each segment. */
export function* measureSet(
  model: Decoder,
  { documents, maxTokens, settings }: GainReading,
  heads: ReadingSettings["memoryHeads"],
): Generator<number, MeasuredSet> {
  const memory = heads.length === 0 ? { memorySize: 0 } : { memoryHeads: heads };
  const state = model.newState({ rows: 1, ...settings, ...memory });
  const { segmentLength } = state;
  let [nats, tokens, milliseconds] = [0, 0, 0];
  try {
    for (const batch of evaluationBatches(documents, { rows: 1, segmentLength, maxTokens })) {
      const { ids, targets, starts, lengths } = segmentOf(batch, 0, 1);
      const began = performance.now();
      state.begin(starts);
      const losses = targetLosses(model, { ids, lengths }, targets, state);
      milliseconds += performance.now() - began;
      const count = targets.reduce((sum, target) => sum + (target === MASKED ? 0 : 1), 0);
      nats += losses.reduce((sum, loss) => sum + loss, 0);
      tokens += count;
      yield count;
    }
  } finally {
    state.release();
  }
  return {
    heads,
    loss: nats / tokens,
    bytesPerToken: heads.length * headBytes(model, state.settings.memoryDtype),
    msPerToken: milliseconds / tokens,
  };
}

/** Bytes of a pair of one head. */
export function headBytes(
  { architecture }: Pick<Decoder, "architecture">,
  dtype: ReadingSettings["memoryDtype"],
): number {
  return architecture.headWidth * 2 * (dtype === "float16" ? 2 : 4);
}
