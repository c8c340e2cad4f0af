/**
 * Kernels that treat a tensor as one long vector, whatever its shape.
 */

/** x[0..n) = 0. */
export function zero(x: usize, n: i32): void {
  memory.fill(x, 0, <usize>n << 2);
}

/** Whether no element is NaN or infinite: x − x is 0 exactly for the finite ones. */
export function all_finite(x: usize, n: i32): bool {
  const end = x + (<usize>n << 2);
  const vectorEnd = x + (<usize>(n & ~3) << 2);
  for (; x < vectorEnd; x += 16) {
    const v = v128.load(x);
    if (!i32x4.all_true(f32x4.eq(f32x4.sub(v, v), f32x4.splat(0)))) return false;
  }
  for (; x < end; x += 4) if (!isFinite<f32>(load<f32>(x))) return false;
  return true;
}
