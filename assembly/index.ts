/** Every kernel that JavaScript may call; assembly/build.mjs turns these exports into the library's typed table. */
export { attention_backward, attention_forward, attention_scratch_bytes } from "./attention";
export { all_finite, zero } from "./elementwise";
export { matmul, matmul_scratch_bytes } from "./matmul";
export { rmsnorm_backward, rmsnorm_forward } from "./norm";
export { position_bias_backward, position_bias_forward } from "./position-bias";
export { blend_backward, blend_forward, retrieved_backward, retrieved_forward, sum_over_queries } from "./retrieved";
export { ring_append } from "./ring";
export { topk_exact, topk_scratch_bytes } from "./topk";
export { addScaled as add_scaled, copy } from "./vectors";

/** First byte that no kernel owns; the library allocates from here up. */
export function heap_base(): usize {
  return __heap_base;
}
