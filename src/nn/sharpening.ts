/**
 * Sharper attention to larger memories. Of twice as many keys, more look like a query by chance, and they take weight from the pair that is
 * meant: a model that learned with a few thousand pairs is distracted by a hundred thousand. So its logits grow with the logarithm of the
 * number of pairs, as in scalable softmax (Nakanishi 2025, "Scalable-Softmax Is Superior for Attention").
 */
import { log } from "../base/portable-math.ts";

/** The factor on the logits of retrieved pairs where a query looks up `pairs`: 1 up to `from`, then ln pairs / ln from. With `from` 0 always 1. */
export function sharpness(pairs: number, from: number): number {
  return from > 0 && pairs > from ? log(pairs) / log(from) : 1;
}
