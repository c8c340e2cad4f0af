/**
 * Sliding window attention (Beltagy et al. 2020, Longformer, section 3.1): a query sees w keys, its own and those before it, every d-th if
 * the window is dilated. L layers together see L (w − 1) d tokens back.
 *
 * A context keeps the (w − 1) d pairs before the segment, so windows reach across segments and the cut of the text changes nothing.
 */
import { attention } from "../autodiff/ops/attention.ts";
import { listedAttention } from "../autodiff/ops/listed.ts";
import { stridedLists } from "../autodiff/ops/lists.ts";
import type { AttentionMechanism } from "./mechanism.ts";

export const window: AttentionMechanism = {
  about: "sliding window, dilated or not (Longformer)",
  settings: ["mechanism_window", "mechanism_dilation"],
  past: ({ mechanism_window, mechanism_dilation }) => (mechanism_window - 1) * mechanism_dilation,
  attend: ({ q, k, v, scale, bias, context }, { sizes }) => {
    const { mechanism_window: most, mechanism_dilation: stride } = sizes;
    if (stride === 1) return attention(q, k, v, scale, bias, { ...context, window: most - 1 });
    return listedAttention(q, k, v, scale, bias, context, stridedLists(context, q.shape[1], { stride, most }));
  },
};
