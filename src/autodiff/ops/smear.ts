/**
 * Smeared keys (Olsson et al. 2022, In-context Learning and Induction Heads): a key is mixed with the key of the token before
 * it, in a proportion that each head learns. So a key describes the token before its value, and a single layer can find an
 * earlier occurrence of the present context and fetch the token that followed. The arithmetic is in assembly/ops/smear.ts.
 */
import { parallel, parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { gradient, stepIntegers, stepTensor, type Tensor } from "../tensor.ts";

/** A layer's keys k̂, before smearing, of the tokens just before the ones that are read. */
export interface PrecedingKeys {
  /** Keys of the last token before, [B, H·D]. */
  readonly keys: Tensor;
  /** [B]: 0 where a document begins, since its first token has no predecessor. */
  readonly known: Int32Array;
  /** [B, H·D]: receives the keys of the last token that is read. */
  readonly latest: Tensor;
}

/** Copies the last token's key of each row of k [B, T, C] to `latest`. */
function keepLatest(k: Tensor, latest: Tensor): void {
  const [rows, segment, channels] = k.shape;
  for (let row = 0; row < rows; row++) {
    const last = (row + 1) * segment - 1;
    kernels.move(latest.ptr + row * channels * 4, k.ptr + last * channels * 4, channels * 4);
  }
}

/**
 * k'_i = u / max(‖u‖, 1e-6) with u = a_h k̂_i + (1 − a_h) k̂_{i−1} and a_h = sigmoid(alpha_h); where a document begins,
 * k'_0 = k̂_0. k [B, T, H·D], alpha [H]. Copies the last token's keys to `latest`. Gradients reach k and alpha, never the keys
 * before the first token.
 */
export function smearKeys(k: Tensor, alpha: Tensor, { keys, known, latest }: PrecedingKeys): Tensor {
  const [rows, segment, channels] = k.shape;
  const heads = alpha.size;
  const units = rows * heads;
  const shape = [segment, heads, channels / heads] as const;
  const y = stepTensor(k.shape);
  const inverse = stepTensor([units, segment]);
  const before = stepTensor(keys.shape); // a copy, since the state advances before the backward
  kernels.move(before.ptr, keys.ptr, keys.size * 4);
  keepLatest(k, latest);
  parallel("smear_forward", units, y.ptr, inverse.ptr, k.ptr, before.ptr, stepIntegers(known), alpha.ptr, ...shape);
  return record("smearKeys", y, [k, alpha], (dy) => {
    const dalpha = stepTensor([units]);
    parallelWithScratch(
      "smear_backward",
      units,
      (channels / heads) * 4,
      gradient(k),
      dalpha.ptr,
      dy,
      y.ptr,
      inverse.ptr,
      k.ptr,
      before.ptr,
      alpha.ptr,
      ...shape,
    );
    kernels.add_rows(gradient(alpha), dalpha.ptr, rows, heads, 0, heads);
  });
}
