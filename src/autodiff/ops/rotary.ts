/**
 * Rotary positions (Su et al. 2021), half-split: element i of the first half of what is rotated makes a pair with element i of
 * the second half, as in Hugging Face's files.
 */
import { Lifetime, type Releasable } from "../../base/lifetime.ts";
import type { PersistentTensor, Tensor } from "../tensor.ts";

/** cos and sin of every position's angles, [n, R/2] each, for positions 0 to n − 1. Outlives steps; release it. */
export class RotaryTable implements Releasable {
  /** cos(position · frequency), [n, R/2]. */
  readonly cos: PersistentTensor;
  /** sin(position · frequency), [n, R/2]. */
  readonly sin: PersistentTensor;

  /** Tabulates positions 0 to positions − 1 in float64; `frequencies` [R/2] are radians per position. */
  constructor(frequencies: ArrayLike<number>, positions: number) {
    throw new Error(`pending ${frequencies} ${positions}`);
  }

  /** Frees the table. */
  release(): void {
    this.life.end(() => {});
  }

  private readonly life = new Lifetime("this table of rotary positions");
}

/**
 * Turns the first R of the `width` elements of every head by the angles of its position: with c and s of pair i,
 * y_i = c·x_i − s·x_{i + R/2}, y_{i + R/2} = s·x_i + c·x_{i + R/2}; the other elements stay. x [B, T, H·width]; token t of row b is at
 * positions[b] + t. Backward rotates the other way.
 */
export function rotate(x: Tensor, width: number, table: RotaryTable, positions: Int32Array): Tensor {
  throw new Error(`pending ${x} ${width} ${table} ${positions}`);
}
