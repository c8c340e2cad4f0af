/** Every kernel that JavaScript may call; assembly/build.mjs turns these exports into the library's typed table. */
export { sumOf as sum } from "./base/simd";
export { packHalf as pack_half, ring_append, unpackHalf as unpack_half } from "./base/storage";
export { attention_backward, attention_forward, position_bias_backward, position_bias_forward } from "./ops/attention";
export { attention_scratch_bytes, query_blocks } from "./ops/attention-head";
export { blend_backward, blend_forward, log_add_exp_backward, log_add_exp_forward } from "./ops/blend";
export { dropout_backward, dropout_forward } from "./ops/dropout";
export {
  activation_scratch_bytes, add, add_in_place, add_rows, add_scaled, add_to_rows, all_finite, copy, move,
  relu_backward, relu_forward, scale, sigmoid_backward, sigmoid_forward, sigmoid_weighted_backward,
  sigmoid_weighted_forward, zero,
} from "./ops/elementwise";
export { expiring_lists, expiring_lists_backward } from "./ops/expiring";
export {
  elu_plus_one_backward, elu_plus_one_forward, random_features_backward, random_features_forward,
  random_features_scratch_bytes, random_features_units,
} from "./ops/features";
export { gated_forward, gated_gate_backward, gated_up_backward } from "./ops/gated";
export { gelu_erf_backward, gelu_erf_forward, gelu_erf_scratch_bytes } from "./ops/gelu-erf";
export { select_heads, select_heads_backward } from "./ops/heads";
export { interval_attention_forward } from "./ops/interval-attention";
export { interval_attention_backward } from "./ops/interval-attention-backward";
export { layernorm_backward, layernorm_forward, layernorm_weight_backward } from "./ops/layer-norm";
export { linear_attention_forward } from "./ops/linear-attention";
export { linear_attention_backward } from "./ops/linear-attention-backward";
export { linear_attention_chunk, linear_attention_scratch_bytes } from "./ops/linear-head";
export { listed_backward, listed_forward } from "./ops/listed";
export {
  add_to_nearest, bucket_lists, bucket_lists_scratch_bytes, keep_in_buckets, nearest_directions, strided_lists,
} from "./ops/lists";
export { lstm_backward, lstm_forward, lstm_scratch_bytes, lstm_units } from "./ops/lstm";
export { matmul, matmul_scratch_bytes, matmul_units } from "./ops/matmul";
export {
  l2norm_backward, l2norm_forward, rmsnorm_backward, rmsnorm_forward, rmsnorm_scale_backward, smear_backward,
  smear_forward,
} from "./ops/norm";
export { pool_blocks_backward, pool_blocks_forward } from "./ops/pool-blocks";
export { ranged_backward, ranged_forward } from "./ops/ranged";
export { ranged_scratch_bytes } from "./ops/ranged-block";
export { retrieved_backward, retrieved_forward, retrieved_scratch_bytes } from "./ops/retrieved";
export { rotary_backward, rotary_forward, rotary_table } from "./ops/rotary";
export { scale_heads_backward, scale_heads_forward } from "./ops/scale-heads";
export { softmax_backward, softmax_forward } from "./ops/softmax";
export { cross_entropy_backward, cross_entropy_forward, embedding_backward, embedding_forward } from "./ops/vocabulary";
export { votes_backward, votes_forward, votes_scratch_bytes } from "./ops/votes";
export { bucketed_scratch_bytes, topk_bucketed } from "./search/bucketed";
export { topk_exact, topk_scratch_bytes, topk_units } from "./search/exact";
export { inverted_scratch_bytes, inverted_units, topk_inverted } from "./search/inverted";
export {
  kmeans_assign, kmeans_assign_scratch_bytes, kmeans_assign_units, kmeans_bytes, kmeans_layout, kmeans_move,
  kmeans_start,
} from "./search/kmeans";
export { lists_append, lists_bytes, lists_clear, lists_drop, lists_layout } from "./search/lists";
export { merge_best } from "./search/merge";
export { quantised_most_topk, quantised_scratch_bytes, topk_quantised } from "./search/quantised";
export {
  frame_floats, quantise_keys, quantise_units, quantised_panel_bytes, quantised_panel_keys, quantised_width,
} from "./search/rounding";
export { adafactor_matrix, adafactor_vector, adamw, sum_squares } from "./train/optimizers";
export {
  activation_bytes, activation_tiles, round_activations, round_activations_scratch_bytes,
} from "./weights/activations";
export { blocks_bytes } from "./weights/blocks";
export { halves_multiply, halves_scratch_bytes, halves_units, pack_brain, unpack_halves } from "./weights/halves";
export { packed_multiply, packed_scratch_bytes, packed_units } from "./weights/multiply";
export { pack_blocks, unpack_blocks } from "./weights/pack";

/** First byte above the kernels' own data; the library allocates from here up. */
export function heap_base(): usize {
  return __heap_base;
}
