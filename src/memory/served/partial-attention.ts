/**
 * Attention to some of the pairs that were retrieved, and the merging of such parts: each is a softmax of its own, and its share of the whole is that
 * of its sum of exponentials (ALGORITHM.md, section 4).
 */
import { stepIntegers, stepTensor, type Tensor, tensor } from "../../autodiff/tensor.ts";
import { exp } from "../../base/portable-math.ts";
import type { Address } from "../../wasm/heap.ts";
import { parallelWithScratch } from "../../wasm/parallel.ts";
import { heap, kernels } from "../../wasm/runtime.ts";
import { type ChosenPairs, chosenIn, placeOfLargest, type Retrieved } from "./retrieved-lists.ts";

/** Where values are, [H, capacity, D]. */
export interface StoredValues {
  readonly address: Address;
  readonly heads: number;
  readonly capacity: number;
  readonly width: number;
  /** Whether they are halves. */
  readonly float16: boolean;
}

/** Attention of each query and head to a part of its pairs, with logits |s| · score. */
export interface Part {
  /** The largest score, [n, H]; undefined where the sum is 0. */
  readonly peaks: Float32Array;
  /** Σ exp(|s| (score − peak)), [n, H]; 0 for a list without pairs. */
  readonly sums: Float64Array;
  /** Softmax times values, [n, H, D]; 0 for a list without pairs. */
  readonly out: Float32Array;
}

/**
 * Attends to chosen pairs by the kernel that attends to the pairs of a whole memory, a head at a time. `scales` is the address of s, [H].
 * Call it in a step.
 */
export function attendTo(values: StoredValues, scales: Address, chosen: ChosenPairs): Part {
  const { heads, width } = values;
  const lists = chosen.counts.length;
  const part = emptyPart(lists, width);
  for (let head = 0; head < heads; head++) {
    const { peaks, sums, out } = attendInHead(values, head, scales, ofHead(chosen, head, heads));
    for (let query = 0, list = head; list < lists; query++, list += heads) {
      part.peaks[list] = peaks[query];
      part.sums[list] = sums[query];
      part.out.set(out.subarray(query * width, (query + 1) * width), list * width);
    }
  }
  return part;
}

/**
 * Attends to pairs whose values came with them: `values` [n, H, length, D], of which each list has the first ones. The same numbers as `attendTo` of
 * the store that has them. Call it in a step.
 */
export function attendToCopies(values: Float32Array, length: number, scales: Tensor, retrieved: Retrieved): Part {
  const heads = scales.size;
  const lists = retrieved.counts.length;
  const [capacity, width] = [(lists / heads) * length, values.length / lists / length];
  const copies = stepTensor([heads, capacity, width]);
  const at = heap.f32(copies.ptr, copies.size);
  const slotOf = (list: number, rank: number) => Math.floor(list / heads) * length + rank;
  for (let list = 0; list < lists; list++) {
    const block = values.subarray(list * length * width, (list + 1) * length * width);
    at.set(block, ((list % heads) * capacity + slotOf(list, 0)) * width);
  }
  const chosen = chosenIn(retrieved, (_, list, rank) => slotOf(list, rank));
  return attendTo({ address: copies.ptr, heads, capacity, width, float16: false }, scales.ptr, chosen);
}

function attendInHead(values: StoredValues, head: number, scales: Address, chosen: ChosenPairs): Part {
  const { address, capacity, width, float16 } = values;
  const { most, counts, slots, scores } = chosen;
  const n = counts.length;
  const [out, weights, lse] = [stepTensor([n, width]), stepTensor([n, most]), stepTensor([n])];
  parallelWithScratch(
    "retrieved_forward",
    n,
    kernels.retrieved_scratch_bytes(width, most),
    out.ptr,
    weights.ptr,
    lse.ptr,
    tensor(scores).ptr,
    stepIntegers(slots),
    stepIntegers(counts),
    stepIntegers(counts), // no pair fades here, so their ages do not matter
    0,
    address + head * capacity * width * (float16 ? 2 : 4),
    scales + head * 4,
    1, // every query is a row of one token and one head, and all rows have the same slots
    1,
    width,
    most,
    0,
    float16,
  );
  const computed = heap.f32(weights.ptr, n * most);
  const peaks = Int32Array.from(counts, (count, query) => placeOfLargest(scores, query * most, count));
  return {
    peaks: Float32Array.from(peaks, (at) => scores[at]),
    sums: Float64Array.from(counts, (count, query) => (count === 0 ? 0 : 1 / computed[peaks[query]])), // exp(0) / sum
    out: out.toArray(),
  };
}

/** The lists of one head, [n, H, most] → [n, most]. */
function ofHead({ most, counts, slots, scores }: ChosenPairs, head: number, heads: number): ChosenPairs {
  const n = counts.length / heads;
  const own = { most, counts: new Int32Array(n), slots: new Int32Array(n * most), scores: new Float32Array(n * most) };
  for (let query = 0, list = head; query < n; query++, list += heads) {
    own.counts[query] = counts[list];
    own.slots.set(slots.subarray(list * most, (list + 1) * most), query * most);
    own.scores.set(scores.subarray(list * most, (list + 1) * most), query * most);
  }
  return own;
}

/** Attention to the pairs of all parts, in float64. `scales` is s, [H]; there are `lists` lists, [n, H]. */
export function mergeParts(parts: readonly Part[], scales: Float32Array, lists: number, width: number): Part {
  const merged = emptyPart(lists, width);
  const row = new Float64Array(width);
  for (let list = 0; list < lists; list++) {
    const filled = parts.filter(({ sums }) => sums[list] > 0);
    if (filled.length === 0) continue;
    const scale = Math.abs(scales[list % scales.length]);
    const peak = filled.reduce((most, { peaks }) => Math.max(most, peaks[list]), Number.NEGATIVE_INFINITY);
    const sums = filled.map(({ peaks, sums }) => sums[list] * exp(scale * (peaks[list] - peak)));
    const sum = sums.reduce((total, each) => total + each, 0);
    row.fill(0);
    for (const [i, { out }] of filled.entries()) {
      const share = sums[i] / sum;
      for (let d = 0; d < width; d++) row[d] += share * out[list * width + d];
    }
    merged.peaks[list] = peak;
    merged.sums[list] = sum;
    merged.out.set(row, list * width);
  }
  return merged;
}

function emptyPart(lists: number, width: number): Part {
  return { peaks: new Float32Array(lists), sums: new Float64Array(lists), out: new Float32Array(lists * width) };
}
