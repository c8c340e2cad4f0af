/**
 * Products that share x, as kernels get them: a table with four numbers of 32 bits for each, the addresses of y, of the weights and of
 * the bias (0 for none), and the rows of the weights, which are the columns of y. One call computes all of them, so x is rounded once
 * and threads are called once.
 */

/** Bytes of a product in the table. */
export const PRODUCT_BYTES: i32 = 16;

@inline
export function yOf(product: usize): usize {
  return load<u32>(product);
}

@inline
export function weightsOf(product: usize): usize {
  return load<u32>(product, 4);
}

@inline
export function biasOf(product: usize): usize {
  return load<u32>(product, 8);
}

@inline
export function outputsOf(product: usize): i32 {
  return load<i32>(product, 12);
}
