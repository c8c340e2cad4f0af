/**
 * Rotary positions (Su et al. 2021), half-split: element i of the first half of what is rotated makes a pair with element i of
 * the second half, as in Hugging Face's files. The arithmetic is in assembly/ops/rotary.ts.
 */
import { check, instance, isArrayOf, type Kind, whole } from "../../base/check.ts";
import { InputError } from "../../base/errors.ts";
import { allOrNothing, type Releasable } from "../../base/lifetime.ts";
import { parallel } from "../../wasm/parallel.ts";
import { heap, kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import {
  asRows,
  gradient,
  type PersistentTensor,
  persistentTensor,
  requireTensors,
  stepIntegers,
  stepTensor,
  type Tensor,
} from "../tensor.ts";

const someFrequencies: Kind = {
  what: "an array of finite numbers",
  accepts: (value) => isArrayOf(value instanceof Float64Array ? [...value] : value, Number.isFinite),
};
const aCount = whole(1, 2 ** 24);
const somePositions: Kind = {
  what: `${aCount.what}, or an array of positions`,
  accepts: (value) => aCount.accepts(value) || isArrayOf(value, Number.isFinite),
};

/** cos and sin of the angles of n positions, [n, R/2] each. Outlives steps; release it. */
export class RotaryTable implements Releasable {
  /** cos(position · frequency), [n, R/2]. */
  readonly cos: PersistentTensor;
  /** sin(position · frequency), [n, R/2]. */
  readonly sin: PersistentTensor;

  /**
   * Tabulates `positions`, or as a number positions 0 to positions − 1, in float64; `frequencies` [R/2] are radians per
   * position.
   */
  constructor(frequencies: ArrayLike<number>, positions: number | readonly number[]) {
    check("frequencies", frequencies, someFrequencies);
    check("positions", positions, somePositions);
    const lines = typeof positions === "number" ? Array.from({ length: positions }, (_, i) => i) : positions;
    const [count, half] = [lines.length, frequencies.length];
    [this.cos, this.sin] = allOrNothing((own) => [
      own(persistentTensor([count, half])),
      own(persistentTensor([count, half])),
    ]);
    const address = this.roomFor((count + half) * 8);
    heap.f64(address, count).set(lines);
    heap.f64(address + count * 8, half).set(frequencies);
    kernels.rotary_table(this.cos.ptr, this.sin.ptr, address, address + count * 8, half, 0, count);
    heap.release(address);
  }

  private roomFor(bytes: number): number {
    try {
      return heap.allocate(bytes);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Frees the table. */
  release(): void {
    this.cos.release();
    this.sin.release();
  }

  /** Releases it at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }
}

const aTable: Kind = instance(RotaryTable, "a RotaryTable");
const aWidth = whole(1);
const firstPositions: Kind = instance(Int32Array, "an Int32Array of positions");

/** @throws InputError if `positions` are not `rows` first positions, of which each row's `segment` tokens are below `count` */
function requirePositions(positions: Int32Array, rows: number, segment: number, count: number): void {
  check("positions", positions, firstPositions);
  if (positions.length !== rows) {
    throw new InputError(`rotate: got ${positions.length} positions for ${rows} rows; each row needs its first one`);
  }
  const outside = positions.find((first) => first < 0 || first + segment > count);
  if (outside === undefined) return;
  throw new InputError(
    `rotate: ${segment} tokens from position ${outside} on do not fit a table of ${count} positions`,
  );
}

/**
 * Turns the first R of the `width` elements of every head by the angles of its position: with c and s of pair i,
 * y_i = c·x_i − s·x_{i + R/2}, y_{i + R/2} = s·x_i + c·x_{i + R/2}; the other elements stay. x [B, T, H·width]; token t of row b is at
 * positions[b] + t. Backward rotates the other way. Throws InputError for a position outside the table.
 */
export function rotate(x: Tensor, width: number, table: RotaryTable, positions: Int32Array): Tensor {
  requireTensors({ x });
  check("width", width, aWidth);
  check("table", table, aTable);
  const [rows, segment] = x.shape;
  const [, channels] = asRows(x);
  const [count, half] = table.cos.shape;
  if (x.shape.length !== 3 || channels % width !== 0 || 2 * half > width) {
    throw new InputError(
      `rotate: x [${x.shape}] must be [B, T, H · ${width}], and ${2 * half} elements of each head are turned`,
    );
  }
  requirePositions(positions, rows, segment, count);
  const { cos, sin } = table;
  const lines = [cos.ptr, sin.ptr, stepIntegers(positions), segment, channels / width, width, half] as const;
  const y = stepTensor(x.shape);
  parallel("rotary_forward", rows * segment, y.ptr, x.ptr, ...lines);
  return record("rotate", y, [x], (dy) => parallel("rotary_backward", rows * segment, gradient(x), dy, ...lines));
}
