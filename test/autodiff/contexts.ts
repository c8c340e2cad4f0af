/** A past of random pairs, and a context that holds it, for tests of attention. */
import type { AttentionContext } from "../../src/autodiff/ops/attention.ts";
import { persistentTensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import type { LocalCase } from "../oracle/attention.ts";

/** A case of these sizes, whose rows begin at different positions. */
export function pastOf(rows: number, heads: number, width: number, segment: number, past: number): LocalCase {
  const random = new Random(rows + heads * 7 + width * 31 + segment * 101);
  const pairs = () => Float32Array.from({ length: rows * past * heads * width }, () => random.normal());
  const first = Array.from({ length: rows }, (_, row) => (row * 3) % (past + 1));
  return { rows, heads, width, segment, past, window: Infinity, first, pastKeys: pairs(), pastValues: pairs() };
}

/** The past in a context with room to spare, so that strides differ from lengths. */
export function contextOf({ rows, heads, width, segment, past, first, ...pairs }: LocalCase): AttentionContext {
  const [capacity, stride] = [past + segment + 3, heads * width];
  const fill = (from: Float32Array) => {
    const values = new Float32Array(rows * capacity * stride);
    for (let b = 0; b < rows; b++)
      values.set(from.subarray(b * past * stride, (b + 1) * past * stride), b * capacity * stride);
    return persistentTensor([rows, capacity, stride]).set(values);
  };
  const [keys, values] = [fill(pairs.pastKeys), fill(pairs.pastValues)];
  return { keys, values, capacity, past, first: Int32Array.from(first), window: Infinity };
}
