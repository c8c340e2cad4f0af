/**
 * Sliding window attention (Beltagy et al. 2020, Longformer, section 3.1): a query sees the last w keys, its own among them. L layers
 * together see L (w − 1) tokens back.
 *
 * A context keeps the w − 1 pairs before the segment, so windows reach across segments and the cut of the text changes nothing.
 */
import { attention } from "../autodiff/ops/attention.ts";
import type { AttentionMechanism } from "./mechanism.ts";

export const window: AttentionMechanism = {
  about: "sliding window (Longformer)",
  settings: ["mechanism_window"],
  past: ({ mechanism_window }) => mechanism_window - 1,
  attend: ({ q, k, v, scale, bias, context }, { sizes }) =>
    attention(q, k, v, scale, bias, { ...context, window: sizes.mechanism_window - 1 }),
};
