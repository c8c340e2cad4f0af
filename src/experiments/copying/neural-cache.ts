/**
 * The continuous cache of Grave, Joulin and Usunier (2017): p(w) ∝ Σ e^(θ h_i·h_j) over the last places j that w followed.
 * h is the softmax's input.
 */
import type { CopyingMethod } from "./copying.ts";

export function neuralCache(window: number): CopyingMethod {
  return {
    name: "neural cache",
    vectors: ({ output }) => output,
    affinity: (product) => product,
    window,
    nearest: Number.POSITIVE_INFINITY,
  };
}
