/**
 * From a batch of data to what the model reads: inputs and targets of some of its rows. Pure copying of token ids.
 */
import { MASKED } from "../autodiff/ops/loss.ts";
import type { Batch } from "../data/batches.ts";

export interface Segment {
  /** Inputs [B, T]. */
  readonly ids: Int32Array;
  /** The token after each input [B, T]; masked beyond the row's length. */
  readonly targets: Int32Array;
  readonly starts: Uint8Array;
  readonly lengths: Int32Array;
}

/** Rows [from, from + rows) of `batch`. */
export function segmentOf(batch: Batch, from: number, rows: number): Segment {
  const width = batch.tokens.length / batch.lengths.length; // T + 1
  const ids = new Int32Array(rows * (width - 1));
  const targets = new Int32Array(ids.length).fill(MASKED);
  const lengths = batch.lengths.subarray(from, from + rows);
  lengths.forEach((length, row) => {
    const tokens = batch.tokens.subarray((from + row) * width, (from + row + 1) * width);
    ids.set(tokens.subarray(0, -1), row * (width - 1));
    targets.set(tokens.subarray(1, length + 1), row * (width - 1));
  });
  return { ids, targets, lengths, starts: batch.starts.subarray(from, from + rows) };
}
