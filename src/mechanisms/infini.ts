/**
 * Infini-attention (Munkhdalai et al. 2024): local attention, and a matrix for each head that remembers the whole document by the delta
 * rule. A gate for each head mixes both answers.
 *
 * The paper writes a segment into the matrix when it is complete. Here every token is written at once, so that gradients reach keys and
 * values within the segment that is trained on. Features are of length 1, where the delta rule is stable.
 */
import { attention } from "../autodiff/ops/attention.ts";
import { blend } from "../autodiff/ops/blend.ts";
import { repeat } from "../autodiff/ops/elementwise.ts";
import { eluPlusOne } from "../autodiff/ops/features.ts";
import { linearAttention } from "../autodiff/ops/linear-attention.ts";
import { l2Normalize } from "../autodiff/ops/norm.ts";
import { scaleHeads } from "../autodiff/ops/scale-heads.ts";
import { constant } from "../nn/declarations.ts";
import { advanceLinear, carriedLinear, linearStateOf } from "./linear-state.ts";
import type { AttentionMechanism } from "./mechanism.ts";

export const infini: AttentionMechanism = {
  about: "Infini-attention, the delta rule next to local attention (Munkhdalai et al. 2024)",
  settings: [],
  parameters: ({ num_attention_heads: heads }) => [
    { name: "gate", shape: [heads], group: "attention", initial: constant(0) },
  ],
  carries: (sizes) => carriedLinear(sizes, sizes.head_dim, "delta"),
  attend: ({ q, k, v, scale, bias, context }, layer) => {
    const local = attention(q, k, v, scale, bias, context);
    const { head_dim: width } = layer.sizes;
    const [phiQ, phiK] = [q, k].map((x) => l2Normalize(eluPlusOne(scaleHeads(x, scale)), width));
    const remembered = linearAttention(phiQ, phiK, v, linearStateOf(layer), "delta", 0);
    const logit = repeat(layer.parameter("gate"), q.shape.slice(0, 2)); // [B, n, H]
    return { out: blend(local.out, remembered.out, logit).out, lse: local.lse };
  },
  afterTokens: advanceLinear,
};
