/**
 * The common part of the neural cache and the kNN language model: a second opinion on the next token, copied from earlier
 * places of the same document. Place j votes for the token that followed it, with weight e^(s · a_ij), where a_ij is the
 * affinity of the state there and the state now. The sharpness s is tuned, and so is the weight of the opinion.
 *
 * A method defines the vectors that are compared, their affinity, and the places that vote.
 */
import { linear } from "../../autodiff/ops/matmul.ts";
import { noGrad, step } from "../../autodiff/tape.ts";
import { tensor } from "../../autodiff/tensor.ts";
import type { HiddenDocument } from "./read-hidden.ts";

export interface CopyingMethod {
  readonly name: string;
  /** The vectors that are compared, [n, C]. */
  vectors(document: HiddenDocument): Float32Array;
  /** Returns the affinity of two places from the inner product of their vectors and both squared norms. */
  affinity(product: number, square: number, otherSquare: number): number;
  /** Places that vote: of the last `window` places, the `nearest` with the largest affinities. */
  readonly window: number;
  readonly nearest: number;
}

/** Sharpnesses to try. Each is twice the one before, so its weights are the squares of the previous weights. */
export const SHARPNESSES: readonly number[] = Array.from({ length: 11 }, (_, i) => 2 ** (i - 3));

/** Queries in one matrix product of affinities. */
const BLOCK = 64;

/**
 * Returns p(target) by the votes alone, [n] for each sharpness; 0 while no place can vote.
 * @param scale divides affinities, so that a sharpness means the same for vectors of any size
 */
export function votes(document: HiddenDocument, method: CopyingMethod, scale: number): Float64Array[] {
  const count = document.targets.length;
  const shares = SHARPNESSES.map(() => new Float64Array(count));
  const vectors = method.vectors(document);
  const width = vectors.length / Math.max(1, count);
  const squares = squaredNorms(vectors, width);
  for (let begin = 0; begin < count; begin += BLOCK) {
    const end = Math.min(begin + BLOCK, count);
    const first = Math.max(0, begin - method.window);
    const products = innerProducts(vectors, width, begin, end, first); // [end − begin, end − first]
    for (let query = begin; query < end; query++) {
      const from = Math.max(first, query - method.window);
      const row = products.subarray((query - begin) * (end - first)).subarray(from - first, query - first);
      const affinities = row.map((product, i) => method.affinity(product, squares[query], squares[from + i]) / scale);
      const least = method.nearest < affinities.length ? nthLargest(affinities, method.nearest) : -Infinity;
      vote(shares, document.targets, query, from, affinities, least);
    }
  }
  return shares;
}

/** Returns the mean squared norm of the vectors that a method compares. */
export function meanSquare(documents: readonly HiddenDocument[], method: CopyingMethod): number {
  let [sum, count] = [0, 0];
  for (const document of documents) {
    for (const value of method.vectors(document)) sum += value * value;
    count += document.targets.length;
  }
  return sum / Math.max(1, count);
}

/** Counts the votes on what follows `query`, by places from `from` on whose affinity is at least `least`. */
function vote(
  shares: readonly Float64Array[],
  targets: Int32Array,
  query: number,
  from: number,
  affinities: Float32Array,
  least: number,
): void {
  const highest = affinities.reduce((most, affinity) => Math.max(most, affinity), -Infinity);
  const [all, right] = [new Float64Array(shares.length), new Float64Array(shares.length)];
  for (const [i, affinity] of affinities.entries()) {
    if (affinity < least) continue;
    const agrees = targets[from + i] === targets[query];
    let weight = Math.exp(SHARPNESSES[0] * (affinity - highest));
    for (let s = 0; s < shares.length; s++) {
      all[s] += weight;
      if (agrees) right[s] += weight;
      weight *= weight;
    }
  }
  for (const [s, share] of shares.entries()) share[query] = all[s] > 0 ? right[s] / all[s] : 0;
}

/** Returns the inner products of vectors [begin, end) with vectors [first, end). */
function innerProducts(vectors: Float32Array, width: number, begin: number, end: number, first: number): Float32Array {
  const rows = (from: number) => tensor(vectors.subarray(from * width, end * width), [end - from, width]);
  return step(() => noGrad(() => linear(rows(begin), rows(first)).toArray()));
}

function squaredNorms(vectors: Float32Array, width: number): Float32Array {
  const squares = new Float32Array(vectors.length / Math.max(1, width));
  for (let i = 0; i < vectors.length; i++) squares[Math.floor(i / width)] += vectors[i] * vectors[i];
  return squares;
}

/** Returns the n-th largest value, n from 1 (Hoare's quickselect on a copy). */
export function nthLargest(values: Float32Array, n: number): number {
  const list = values.slice();
  let [low, high] = [0, list.length - 1];
  while (low < high) {
    const pivot = list[(low + high) >> 1];
    let [i, j] = [low, high];
    while (i <= j) {
      while (list[i] > pivot) i++;
      while (list[j] < pivot) j--;
      if (i > j) break;
      [list[i], list[j]] = [list[j], list[i]];
      i++;
      j--;
    }
    if (n - 1 <= j) high = j;
    else if (n - 1 >= i) low = i;
    else return list[n - 1];
  }
  return list[n - 1];
}
