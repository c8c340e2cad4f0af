/**
 * Features of linear attention: functions φ(x) ≥ 0 whose products φ(q)·φ(k) take the place of softmax's exponentials.
 *
 * elu + 1 (Katharopoulos et al. 2020) treats each number alone. Random features (Choromanski et al. 2021, FAVOR+) are
 * φ_f(x) = e^(w_f·x − ‖x‖²/2) / √m; over random w the mean of φ(q)·φ(k) is e^(q·k). The exponent is ‖w‖²/2 − ‖x − w‖²/2, so it has a
 * bound that does not depend on x, and no maximum over tokens is needed.
 */
import { addScaled, dot, exponentials, hidden, loadPartial, madd, scaleTo, storePartial, sumOf } from "../base/simd";
import { multiplyPanels, packPanels, panelBytes, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from "./matmul";

/** y = e^x for x ≤ 0, and x + 1 above, over elements [from, to). NaN stays NaN, since it is the first operand of each comparison. */
export function elu_plus_one_forward(y: usize, x: usize, from: i32, to: i32): void {
  y += <usize>from << 2;
  x += <usize>from << 2;
  const n = to - from, zero = f32x4.splat(0);
  const vectors = <usize>(n & ~3) << 2, tail = n & 3;
  for (let at: usize = 0; at < vectors; at += 16) v128.store(y + at, f32x4.pmin(v128.load(x + at), zero));
  if (tail) storePartial(y + vectors, f32x4.pmin(loadPartial(x + vectors, tail, 0), zero), tail);
  exponentials(y, y, 0, n);
  for (let at: usize = 0; at < vectors; at += 16) {
    v128.store(y + at, f32x4.add(v128.load(y + at), f32x4.pmax(v128.load(x + at), zero)));
  }
  if (!tail) return;
  const above = f32x4.pmax(loadPartial(x + vectors, tail, 0), zero);
  storePartial(y + vectors, f32x4.add(loadPartial(y + vectors, tail, 0), above), tail);
}

/** dx += dy · min(y, 1): below 0 the derivative is y itself, above it is 1. */
export function elu_plus_one_backward(dx: usize, dy: usize, y: usize, from: i32, to: i32): void {
  dx += <usize>from << 2;
  dy += <usize>from << 2;
  y += <usize>from << 2;
  const n = to - from, one = hidden(1, n >> 31), tail = n & 3; // n is never negative
  for (const end = y + (<usize>(n & ~3) << 2); y < end; dx += 16, dy += 16, y += 16) {
    v128.store(dx, madd(v128.load(dy), f32x4.pmin(one, v128.load(y)), v128.load(dx)));
  }
  if (!tail) return;
  const slope = f32x4.pmin(one, loadPartial(y, tail, 0));
  storePartial(dx, madd(loadPartial(dy, tail, 0), slope, loadPartial(dx, tail, 0)), tail);
}

/** Vectors of a unit: each unit packs the projection. */
const BLOCK: i32 = 64;

/** Units of `count` vectors. */
export function random_features_units(count: i32): i32 {
  return (count + BLOCK - 1) / BLOCK;
}

// Scratch: scaled vectors [BLOCK, D], their gradients [BLOCK, D], gradients of exponents [BLOCK, m], two packed operands, a tile.

@inline
function gradientsAt(scratch: usize, width: i32): usize {
  return scratch + (<usize>(BLOCK * width) << 2);
}

@inline
function exponentsAt(scratch: usize, width: i32): usize {
  return gradientsAt(scratch, width) + (<usize>(BLOCK * width) << 2);
}

@inline
function packedLeftAt(scratch: usize, width: i32, features: i32): usize {
  return exponentsAt(scratch, width) + (<usize>(BLOCK * features) << 2);
}

@inline
function packedRightAt(scratch: usize, width: i32, features: i32): usize {
  return packedLeftAt(scratch, width, features) + panelBytes(BLOCK, max(width, features), TILE_ROWS);
}

@inline
function tileAt(scratch: usize, width: i32, features: i32): usize {
  const bytes = max(panelBytes(width, features, TILE_COLUMNS), panelBytes(features, width, TILE_COLUMNS));
  return packedRightAt(scratch, width, features) + bytes;
}

/** Bytes of scratch for vectors of `width` floats. */
export function random_features_scratch_bytes(width: i32, features: i32): i32 {
  return <i32>(tileAt(0, width, features) + TILE_BYTES);
}

/** √|scale| of the head that vector `at` belongs to. */
@inline
function rootAt(scale: usize, at: i32, heads: i32): f32 {
  return sqrt(abs(load<f32>(scale + (<usize>(at % heads) << 2))));
}

/** C[m, n] = A [m, k] · B, rows of A and C contiguous; B(p, j) at b + 4(p·rsb + j·csb). */
function product(
  c: usize, a: usize, b: usize, rsb: i32, csb: i32, m: i32, n: i32, k: i32, width: i32, features: i32, scratch: usize,
): void {
  const left = packedLeftAt(scratch, width, features), right = packedRightAt(scratch, width, features);
  packPanels(left, a, m, k, k, 1, TILE_ROWS);
  packPanels(right, b, n, k, csb, rsb, TILE_COLUMNS);
  multiplyPanels(c, n, left, k, right, k, m, n, k, false, tileAt(scratch, width, features));
}

/**
 * y [N, m] = e^(w·x' − ‖x'‖²/2) / √m with x' = √|scale of the head| · x. x [N, D], of which vector n belongs to head n mod H;
 * projection [m, D] has the w. Blocks [from, to) of the N vectors are computed; random_features_units counts them. `scratch`:
 * random_features_scratch_bytes.
 */
export function random_features_forward(
  y: usize, x: usize, projection: usize, scale: usize, count: i32, heads: i32, width: i32, features: i32,
  from: i32, to: i32, scratch: usize,
): void {
  const bytes = <usize>width << 2, logRoot = <f32>(0.5 * Math.log(features));
  for (let first = from * BLOCK; first < min(count, to * BLOCK); first += BLOCK) {
    const n = min(BLOCK, count - first);
    for (let i = 0; i < n; i++) {
      scaleTo(scratch + i * bytes, x + <usize>(first + i) * bytes, rootAt(scale, first + i, heads), width);
    }
    let row = y + ((<usize>first * features) << 2);
    product(row, scratch, projection, 1, width, n, features, width, width, features, scratch);
    for (let i = 0; i < n; i++, row += <usize>features << 2) {
      const vector = scratch + i * bytes;
      exponentials(row, row, 0.5 * dot(vector, vector, width) + logRoot, features);
    }
  }
}

/**
 * With g = dy ∘ y and dx' = g W − (Σ g) x': dx += √s dx' and dscale [N] = sign(scale) · (x'·dx') / 2s, s = |scale|. dscale is per vector;
 * add_rows adds it up.
 */
export function random_features_backward(
  dx: usize, dscale: usize, dy: usize, y: usize, x: usize, projection: usize, scale: usize,
  count: i32, heads: i32, width: i32, features: i32, from: i32, to: i32, scratch: usize,
): void {
  const bytes = <usize>width << 2, rowBytes = <usize>features << 2;
  const gradients = gradientsAt(scratch, width), exponents = exponentsAt(scratch, width);
  for (let first = from * BLOCK; first < min(count, to * BLOCK); first += BLOCK) {
    const n = min(BLOCK, count - first);
    multiplyTo(exponents, dy + <usize>first * rowBytes, y + <usize>first * rowBytes, n * features);
    product(gradients, exponents, projection, width, 1, n, width, features, width, features, scratch);
    for (let i = 0; i < n; i++) {
      const at = first + i, root = rootAt(scale, at, heads), gradient = gradients + i * bytes;
      scaleTo(scratch, x + <usize>at * bytes, root, width); // x'
      addScaled(gradient, scratch, -sumOf(exponents + i * rowBytes, features), width);
      addScaled(dx + <usize>at * bytes, gradient, root, width);
      const s = load<f32>(scale + (<usize>(at % heads) << 2));
      store<f32>(dscale + (<usize>at << 2), s == 0 ? 0 : dot(scratch, gradient, width) / (2 * s));
    }
  }
}

/** z = x ∘ y over `n` floats. */
function multiplyTo(z: usize, x: usize, y: usize, n: i32): void {
  const tail = n & 3;
  for (const end = z + (<usize>(n & ~3) << 2); z < end; x += 16, y += 16, z += 16) {
    v128.store(z, f32x4.mul(v128.load(x), v128.load(y)));
  }
  if (tail) storePartial(z, f32x4.mul(loadPartial(x, tail, 0), loadPartial(y, tail, 0)), tail);
}
