/**
 * LSTM (Hochreiter & Schmidhuber 1997), trained by truncated back-propagation: x + LSTM(RMSNorm(x)) W in the place of each block. h and c
 * pass from segment to segment as constants, and are 0 where a document begins.
 */
import { add } from "../autodiff/ops/elementwise.ts";
import { lstm as lstmOp } from "../autodiff/ops/lstm.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import { rmsNorm } from "../autodiff/ops/norm.ts";
import { constant, matrix, norm } from "../nn/declarations.ts";
import { advance, carriedTwice, nextName } from "./advance.ts";
import type { BlockMechanism } from "./mechanism.ts";

/** Lets gradients through at first: the forget gate begins at σ(1) (Jozefowicz et al. 2015). */
const FORGET_BIAS = 1;

export const lstm: BlockMechanism = {
  about: "LSTM with truncated back-propagation (Hochreiter & Schmidhuber 1997)",
  settings: [],
  parameters: ({ hidden_size: width }) => [
    norm("norm.weight", width),
    matrix("input.weight", 4 * width, width),
    matrix("recurrent.weight", 4 * width, width),
    { name: "bias", shape: [4 * width], group: "norms", initial: constant(0) },
    matrix("output.weight", width, width),
  ],
  carries: ({ hidden_size }) => carriedTwice({ hidden: [hidden_size], cell: [hidden_size] }),
  block: (x, { parameter, carried, drop, sizes }) => {
    const normed = rmsNorm(x, parameter("norm.weight"), sizes.rms_norm_eps);
    const gates = linear(normed, parameter("input.weight"), parameter("bias")); // [B, n, C] → [B, n, 4C]
    const state = {
      hidden: carried("hidden"),
      cell: carried("cell"),
      nextHidden: carried(nextName("hidden")),
      nextCell: carried(nextName("cell")),
    };
    const hidden = lstmOp(gates, parameter("recurrent.weight"), state, FORGET_BIAS); // [B, n, C]
    return add(x, drop(linear(hidden, parameter("output.weight"))));
  },
  afterTokens: advance("hidden", "cell"),
};
