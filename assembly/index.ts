/** Every kernel that JavaScript may call; assembly/build.mjs turns these exports into the library's typed table. */
export { all_finite, zero } from "./elementwise";
export { matmul, matmul_scratch_bytes } from "./matmul";
export { rmsnorm_backward, rmsnorm_forward } from "./norm";

/** First byte that no kernel owns; the library allocates from here up. */
export function heap_base(): usize {
  return __heap_base;
}
