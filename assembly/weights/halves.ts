/**
 * y = x · Wᵀ + bias, for weights that are halves or the upper halves of floats ("brain floats"), row by row as files have them.
 * They are widened as they are read, exactly, so memory gives half the bytes.
 *
 * Up to eight rows of x take dot products in the order of `dot`, more rows the register tile of ops/matmul.ts, with the same blocks of
 * depth. So one row, and nine or more, have the bits of ops/matmul.ts with widened weights; two to eight rows differ in the last bits.
 */
import { multiplyPanels, packPanels, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from "../ops/matmul";
import { addTo, dot, loadPartial, madd, sumLanes } from "../base/simd";
import { halfBits, halfGap, widenFinite } from "./blocks";
import { biasOf, outputsOf, PRODUCT_BYTES, weightsOf, yOf } from "./products";

/** Blocks, as in ops/matmul.ts: rows of x and depth, and panels of weights that are packed at a time. */
const MC: i32 = 132;
const KC: i32 = 512;
const NC: i32 = 512;
/** Up to this many rows of x are multiplied one by one. */
const FEW_ROWS: i32 = 8;

/** Units of work: panels of columns of y. */
export function halves_units(outputs: i32): i32 {
  return (outputs + TILE_COLUMNS - 1) / TILE_COLUMNS;
}

/** Bytes of scratch for a product over `width` columns. */
export function halves_scratch_bytes(width: i32): i32 {
  return (max(MC * KC + KC * NC + TILE_COLUMNS * KC, width) << 2) + TILE_BYTES;
}

/**
 * y [n, outputs] = x [n, width] · weights [outputs, width]ᵀ (+ bias [outputs]) of every product of the table (products.ts), columns of
 * units [from, to); units are counted on from product to product. `brain`: of which kind the weights are. `scratch`:
 * halves_scratch_bytes(width).
 */
export function halves_multiply(
  products: usize, x: usize, n: i32, width: i32, brain: bool, from: i32, to: i32, scratch: usize,
): void {
  for (let first = 0; first < to; products += PRODUCT_BYTES) {
    const units = halves_units(outputsOf(products));
    if (from < first + units) multiplyPanelsOf(products, x, n, width, brain, max(from - first, 0), min(to - first, units), scratch);
    first += units;
  }
}

/** Panels [from, to) of columns of one product. */
function multiplyPanelsOf(
  product: usize, x: usize, n: i32, width: i32, brain: bool, from: i32, to: i32, scratch: usize,
): void {
  const y = yOf(product), weights = weightsOf(product), bias = biasOf(product), outputs = outputsOf(product);
  const first = from * TILE_COLUMNS, last = min(outputs, to * TILE_COLUMNS);
  const columns = y + (<usize>first << 2);
  const part = weights + ((<usize>first * width) << 1);
  if (n <= FEW_ROWS) fewRows(columns, x, n, part, last - first, outputs, width, brain, scratch);
  else manyRows(columns, x, n, part, last - first, outputs, width, brain, scratch);
  if (bias == 0) return;
  for (let i = 0; i < n; i++) addTo(columns + ((<usize>i * outputs) << 2), bias + (<usize>first << 2), last - first);
}

/** Each row of the weights is read once. Columns of y are `columns`, its rows `outputs` floats apart. */
function fewRows(
  y: usize, x: usize, n: i32, weights: usize, columns: i32, outputs: i32, width: i32, brain: bool, scratch: usize,
): void {
  for (const end = y + (<usize>columns << 2); y < end; y += 4, weights += <usize>width << 1) {
    if (n == 1) {
      store<f32>(y, brain ? dotBrain(x, weights, width) : dotHalves(x, weights, width));
      continue;
    }
    widenRow(scratch, weights, width, brain);
    for (let i = 0; i < n; i++) {
      store<f32>(y + ((<usize>i * outputs) << 2), dot(x + ((<usize>i * width) << 2), scratch, width));
    }
  }
}

function manyRows(
  y: usize, x: usize, n: i32, weights: usize, columns: i32, outputs: i32, width: i32, brain: bool, scratch: usize,
): void {
  const packedX = scratch, packedW = packedX + (<usize>(MC * KC) << 2);
  const wide = packedW + (<usize>(KC * NC) << 2), tile = wide + (<usize>(TILE_COLUMNS * KC) << 2);
  for (let j = 0; j < columns; j += NC) {
    const nc = min(NC, columns - j);
    for (let p = 0; p < width; p += KC) {
      const kc = min(KC, width - p);
      packWidened(packedW, weights + ((<usize>j * width + p) << 1), nc, kc, width, brain, wide);
      for (let i = 0; i < n; i += MC) {
        const mc = min(MC, n - i);
        packPanels(packedX, x + ((<usize>i * width + p) << 2), mc, kc, width, 1, TILE_ROWS);
        multiplyPanels(y + ((<usize>i * outputs + j) << 2), outputs, packedX, kc, packedW, kc, mc, nc, kc, p > 0, tile);
      }
    }
  }
}

/** Packs `lanes` rows of weights into panels of 8, as packPanels does. `wide`: room for 8 rows. */
function packWidened(to: usize, weights: usize, lanes: i32, depth: i32, width: i32, brain: bool, wide: usize): void {
  for (let lane = 0; lane < lanes; lane += TILE_COLUMNS, to += <usize>(TILE_COLUMNS * depth) << 2) {
    const present = min(TILE_COLUMNS, lanes - lane);
    for (let i = 0; i < present; i++) {
      widenRow(wide + (<usize>(i * depth) << 2), weights + ((<usize>(lane + i) * width) << 1), depth, brain);
    }
    packPanels(to, wide, present, depth, depth, 1, TILE_COLUMNS);
  }
}

/** y [n] (f32) = x [n]. */
@inline
function widenRow(y: usize, x: usize, n: i32, brain: bool): void {
  if (brain) widenBrain(y, x, n);
  else widenHalves(y, x, n);
}

/** Rows of a matrix [outputs, width], widened: y [n, width]. Row numbers are taken to be in range. */
export function unpack_halves(y: usize, weights: usize, rows: usize, n: i32, width: i32, brain: bool): void {
  for (const end = rows + (<usize>n << 2); rows < end; rows += 4, y += <usize>width << 2) {
    widenRow(y, weights + ((<usize>load<i32>(rows) * width) << 1), width, brain);
  }
}

function widenBrain(y: usize, x: usize, n: i32): void {
  for (const end = y + (<usize>(n & ~7) << 2); y < end; y += 32, x += 16) {
    const numbers = v128.load(x);
    v128.store(y, lowBrain(numbers));
    v128.store(y, highBrain(numbers), 16);
  }
  for (let tail = n & 7; tail > 0; tail--, y += 4, x += 2) store<i32>(y, <i32>load<u16>(x) << 16);
}

function widenHalves(y: usize, x: usize, n: i32): void {
  const zero = n >> 31; // n is never negative
  const bits = halfBits(zero), gap = halfGap(zero);
  for (const end = y + (<usize>(n & ~3) << 2); y < end; y += 16, x += 8) {
    v128.store(y, widenFinite(v128.load_ext<i16>(x), bits, gap));
  }
  for (let tail = n & 3; tail > 0; tail--, y += 4, x += 2) {
    v128.store_lane<f32>(y, widenFinite(i32x4.splat(load<i16>(x)), bits, gap), 0);
  }
}

/** The first four of eight brain floats. */
@inline
function lowBrain(x: v128): v128 {
  return v128.shuffle<i16>(i32x4.splat(0), x, 0, 8, 1, 9, 2, 10, 3, 11);
}

/** The last four. */
@inline
function highBrain(x: v128): v128 {
  return v128.shuffle<i16>(i32x4.splat(0), x, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** Σ x · w, in the order of `dot`. */
function dotBrain(x: usize, w: usize, n: i32): f32 {
  let sum0 = f32x4.splat(0), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  for (const end = x + (<usize>(n & ~15) << 2); x < end; x += 64, w += 32) {
    const w0 = v128.load(w), w1 = v128.load(w, 16);
    sum0 = madd(v128.load(x), lowBrain(w0), sum0);
    sum1 = madd(v128.load(x, 16), highBrain(w0), sum1);
    sum2 = madd(v128.load(x, 32), lowBrain(w1), sum2);
    sum3 = madd(v128.load(x, 48), highBrain(w1), sum3);
  }
  for (const end = x + (<usize>(n & 12) << 2); x < end; x += 16, w += 8) {
    sum0 = madd(v128.load(x), i32x4.shl(v128.load_ext<u16>(w), 16), sum0);
  }
  const tail = n & 3;
  if (tail) sum1 = madd(loadPartial(x, tail, 0), i32x4.shl(loadSome(w, tail), 16), sum1);
  return sumLanes(f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3)));
}

/** The same for halves. */
function dotHalves(x: usize, w: usize, n: i32): f32 {
  const zero = n >> 31;
  const bits = halfBits(zero), gap = halfGap(zero);
  let sum0 = f32x4.splat(0), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  for (const end = x + (<usize>(n & ~15) << 2); x < end; x += 64, w += 32) {
    sum0 = madd(v128.load(x), widenFinite(v128.load_ext<i16>(w), bits, gap), sum0);
    sum1 = madd(v128.load(x, 16), widenFinite(v128.load_ext<i16>(w, 8), bits, gap), sum1);
    sum2 = madd(v128.load(x, 32), widenFinite(v128.load_ext<i16>(w, 16), bits, gap), sum2);
    sum3 = madd(v128.load(x, 48), widenFinite(v128.load_ext<i16>(w, 24), bits, gap), sum3);
  }
  for (const end = x + (<usize>(n & 12) << 2); x < end; x += 16, w += 8) {
    sum0 = madd(v128.load(x), widenFinite(v128.load_ext<i16>(w), bits, gap), sum0);
  }
  const tail = n & 3;
  if (tail) sum1 = madd(loadPartial(x, tail, 0), widenFinite(loadSome(w, tail), bits, gap), sum1);
  return sumLanes(f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3)));
}

/** One to three halves, sign-extended; the others are 0. */
@inline
function loadSome(from: usize, count: i32): v128 {
  let x = i32x4.replace_lane(i32x4.splat(0), 0, load<i16>(from));
  if (count > 1) x = i32x4.replace_lane(x, 1, load<i16>(from, 2));
  if (count > 2) x = i32x4.replace_lane(x, 2, load<i16>(from, 4));
  return x;
}

/** y [n] (brain floats) = x [n] (f32), rounded to nearest, ties to even. */
export function pack_brain(y: usize, x: usize, n: i32): void {
  for (const end = y + (<usize>n << 1); y < end; y += 2, x += 4) {
    const bits = load<u32>(x);
    store<u16>(y, <u16>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16));
  }
}
