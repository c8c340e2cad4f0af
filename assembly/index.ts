/** Every kernel that JavaScript may call; assembly/build.mjs turns these exports into the library's typed table. */
export { gelu_backward, gelu_forward, relu_backward, relu_forward } from "./activation";
export { adafactor_matrix, adafactor_vector } from "./adafactor";
export { attention_forward } from "./attention";
export { attention_backward } from "./attention-backward";
export { attention_scratch_bytes } from "./attention-head";
export { bucketed_scratch_bytes, topk_bucketed } from "./bucketed";
export { dropout_backward, dropout_forward } from "./dropout";
export { add, add_in_place, all_finite, scale, scale_in_place, zero } from "./elementwise";
export { embedding_backward, embedding_forward } from "./embedding";
export { packHalf as pack_half, unpackHalf as unpack_half } from "./half";
export { inverted_scratch_bytes, inverted_units, topk_inverted } from "./inverted";
export {
  kmeans_assign, kmeans_assign_scratch_bytes, kmeans_assign_units, kmeans_bytes, kmeans_layout, kmeans_move,
  kmeans_start,
} from "./kmeans";
export { lists_append, lists_bytes, lists_clear, lists_drop, lists_layout } from "./lists";
export { cross_entropy_backward, cross_entropy_forward } from "./loss";
export { matmul, matmul_scratch_bytes, matmul_units } from "./matmul";
export { l2norm_backward, l2norm_forward, rmsnorm_backward, rmsnorm_forward } from "./norm";
export { adamw, sum_squares } from "./optimizer";
export { position_bias_backward, position_bias_forward } from "./position-bias";
export { quantise_keys, quantised_panel_bytes, quantised_panel_keys, quantised_width } from "./quantise";
export { quantised_most_topk, quantised_scratch_bytes, topk_quantised } from "./quantised";
export { blend_backward, blend_forward, retrieved_backward, retrieved_forward, sum_over_queries } from "./retrieved";
export { ring_append } from "./ring";
export { smear_backward, smear_forward } from "./smear";
export { softmax_backward, softmax_forward } from "./softmax";
export { topk_exact, topk_scratch_bytes, topk_units } from "./topk";
export { addScaled as add_scaled, copy } from "./vectors";

/** First byte that no kernel owns; the library allocates from here up. */
export function heap_base(): usize {
  return __heap_base;
}
