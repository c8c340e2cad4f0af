/**
 * Expire-Span (Sukhbaatar et al. 2021, Not All Memories are Created Equal): each state says, when it is made, for how long it shall be
 * kept, e = L σ(w·h + b). It then fades over R tokens. A loss of its own makes every kept token cost something, so that only what
 * is needed stays.
 *
 * Spans begin at a tenth of L. Expired states are skipped one by one; the room for all L + R of them stays allocated. As in the authors'
 * program, spans of earlier states are computed again with the weights of now, so they learn from what fades long after it was read.
 */
import { sigmoid, scale as times } from "../autodiff/ops/elementwise.ts";
import { expiringLists } from "../autodiff/ops/expiring.ts";
import { listedAttention } from "../autodiff/ops/listed.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import { constant, matrix } from "../nn/declarations.ts";
import type { AttentionMechanism } from "./mechanism.ts";
import { rollTokens, writeTokens } from "./tokens.ts";

/** The share of L that spans begin with. */
const FIRST_SHARE = 0.1;
/** States are divided by it, so that spans differ little at first. */
const DIVISOR = 64;

export const expireSpan: AttentionMechanism = {
  about: "each state expires after a learned span (Expire-Span)",
  settings: ["mechanism_window", "mechanism_ramp", "mechanism_span_cost"],
  refuse: ({ mechanism_window: window, mechanism_ramp: ramp }) =>
    window > ramp
      ? undefined
      : `mechanism_window ${window} leaves no room for spans next to mechanism_ramp ${ramp}; make it larger`,
  past: ({ mechanism_window: window }) => window - 1,
  parameters: ({ hidden_size: width }) => [
    matrix("span.weight", 1, width),
    { name: "span.bias", shape: [1], group: "attention", initial: constant(Math.log(FIRST_SHARE / (1 - FIRST_SHARE))) },
  ],
  carries: ({ mechanism_window: window, segment_length: segment, hidden_size: width }) => ({
    states: [window - 1 + segment, width],
  }),
  attend: ({ x, q, k, v, scale, bias, context }, layer) => {
    const { mechanism_window: most, mechanism_ramp: ramp, mechanism_span_cost: price } = layer.sizes;
    const spansOf = (states: Tensor) => {
      const logits = linear(times(states, 1 / DIVISOR), layer.parameter("span.weight"), layer.parameter("span.bias"));
      return sigmoid(logits, most - ramp); // [B, …, C] → [B, …, 1]
    };
    const states = layer.carried("states"); // [B, capacity, C]
    const spans = { before: spansOf(states), own: spansOf(x), ramp, most };
    writeTokens(states, context.past, x);
    const { lists, cost } = expiringLists(context, scale.size, spans);
    layer.auxiliary?.(times(cost, price));
    return listedAttention(q, k, v, scale, bias, context, lists);
  },
  afterSegment: ({ carried, sizes }) => rollTokens(carried("states"), sizes.segment_length),
};
