/**
 * Linear attention (Katharopoulos et al. 2020, Transformers are RNNs): elu + 1 in the place of softmax's exponential. All that a layer
 * carries of the past is one matrix for each head, however long the document.
 *
 * Positions have no place in it: the state is a sum, which has no order. Smeared keys (`smear_keys`) tell neighbours.
 */
import { eluPlusOne } from "../autodiff/ops/features.ts";
import { linearAttention } from "../autodiff/ops/linear-attention.ts";
import { scaleHeads } from "../autodiff/ops/scale-heads.ts";
import { advanceLinear, carriedLinear, linearStateOf } from "./linear-state.ts";
import type { AttentionMechanism } from "./mechanism.ts";

/** Added to denominators. */
const EPS = 1e-6;

export const linear: AttentionMechanism = {
  about: "linear attention, elu + 1 (Katharopoulos et al. 2020)",
  settings: [],
  past: () => 0,
  carries: (sizes) => carriedLinear(sizes, sizes.head_dim, "sum"),
  attend: ({ q, k, v, scale }, layer) => {
    const [phiQ, phiK] = [q, k].map((x) => eluPlusOne(scaleHeads(x, scale))); // [B, n, H·D]
    return linearAttention(phiQ, phiK, v, linearStateOf(layer), "sum", EPS);
  },
  afterTokens: advanceLinear,
};
