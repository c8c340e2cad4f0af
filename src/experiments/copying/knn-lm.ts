/**
 * A kNN language model (Khandelwal et al. 2020) whose store is the document so far: p(w) ∝ Σ e^(−‖x_i − x_j‖² / τ) over the k
 * nearest places j that w followed. x is the residual stream after the last block; the sharpness is 1/τ.
 */
import type { CopyingMethod } from "./copying.ts";

/** Neighbours k, as in their paper. */
const NEAREST = 1024;

export const knnLm: CopyingMethod = {
  name: "kNN-LM",
  vectors: ({ residual }) => residual,
  affinity: (product, square, otherSquare) => 2 * product - square - otherSquare,
  window: Number.POSITIVE_INFINITY,
  nearest: NEAREST,
};
