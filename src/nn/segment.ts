/**
 * The input of a forward pass, and the cut from a batch of data to it. It only copies token ids.
 */
import { aDropoutKey } from "../autodiff/ops/elementwise.ts";
import { MASKED, requireKnownTokens } from "../autodiff/ops/vocabulary.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import { aFunction, checkOptions, type Kind, type Kinds, optional, tokenIds, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import type { Batch } from "../data/batches.ts";
import type { Retrieval } from "./self-attention.ts";

/** The input of one forward pass. */
export interface SegmentInput {
  /** Token ids [B, n], with n at most the state's `room`. */
  readonly ids: Int32Array;
  /** [B]: 1 where a document begins with these tokens. Allowed only at the beginning of a segment. */
  readonly starts?: ArrayLike<number>;
  /** [B]: the number of real tokens; the rest is padding and is not remembered. Default: all. */
  readonly lengths?: ArrayLike<number>;
  /** [B]: the number of newest pairs that each row may look up in its memories. Default: all. */
  readonly reach?: ArrayLike<number>;
  /** In training, a key that differs from step to step. Default: no dropout. */
  readonly dropoutKey?: number;
  /** In training, takes losses [1] of a mechanism's own, which are added to that of the predictions. */
  readonly auxiliary?: (loss: Tensor) => void;
  /** Called with the retrieval of each memory layer, unless the memory is empty. */
  readonly observe?: (layer: number, retrieval: Retrieval) => void;
}

const aList: Kind = {
  what: "an array of numbers",
  accepts: (value) => Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value),
};
const inputKinds: Kinds<SegmentInput> = {
  ids: tokenIds,
  starts: optional(aList),
  lengths: optional(aList),
  reach: optional(aList),
  dropoutKey: optional(aDropoutKey),
  auxiliary: optional(aFunction),
  observe: optional(aFunction),
};

/**
 * Checks the input of a state with `rows` rows and room for `room` tokens, before anything is changed.
 * @throws InputError that names the first malformed entry, or a token that is not in the vocabulary of `size` tokens
 */
export function requireInput(input: SegmentInput, rows: number, room: number, size: number): void {
  checkOptions("input", input, inputKinds);
  const { ids, starts, lengths, reach } = input;
  const count = ids.length / rows;
  if (!Number.isInteger(count) || count < 1 || count > room) {
    throw new InputError(`ids: got ${ids.length}; they must give each of ${rows} rows 1 to ${room} tokens`);
  }
  requireKnownTokens(ids, size);
  if (starts !== undefined) requireRows("starts", starts, rows, 1);
  if (lengths !== undefined) requireRows("lengths", lengths, rows, count);
  if (reach !== undefined) requireRows("reach", reach, rows, 2 ** 31);
}

/** @throws InputError if `numbers` does not have a whole number from 0 to `most` for each row */
function requireRows(name: string, numbers: ArrayLike<number>, rows: number, most: number): void {
  const numberKind = whole(0, most);
  const fits = numbers.length === rows && Array.from(numbers).every(numberKind.accepts);
  if (!fits)
    throw new InputError(
      `${name}: got ${show([...Array.from(numbers)])}; it must have ${rows} numbers, each of them ${numberKind.what}`,
    );
}

/** Inputs and targets of some rows of a batch. */
export interface Segment {
  /** Inputs [B, T]. */
  readonly ids: Int32Array;
  /** The token after each input [B, T]; masked beyond the row's length. */
  readonly targets: Int32Array;
  readonly starts: Uint8Array;
  readonly lengths: Int32Array;
}

/** Returns rows [from, from + rows) of `batch`. */
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
