/**
 * How results of language models are compared: by the losses of the last tokens of a text, which depend on all before them, as the
 * means of a few stretches.
 */

/** Tokens whose losses count. */
const COUNTED = 64;
const STRETCHES = 8;

/** The first of `count` predicted tokens whose loss counts. */
export function firstCounted(count: number): number {
  return Math.max(0, count - COUNTED);
}

/** The mean of each of eight stretches. `losses`: those that count. */
export function stretchMeans(losses: Float32Array): Float32Array {
  const at = (stretch: number) => Math.floor((stretch * losses.length) / STRETCHES);
  return Float32Array.from({ length: STRETCHES }, (_, i) => {
    const stretch = losses.subarray(at(i), at(i + 1));
    return stretch.reduce((sum, loss) => sum + loss, 0) / stretch.length;
  });
}
