/**
 * The inner loops of a quantised scan: integer products of queries with panels of keys, plus the keys' margins, compared with
 * each query's bar while they are in registers. There are two shapes: four queries and a panel, or one query and a panel.
 *
 * Layouts are those of rounding.ts. A sum here is an upper bound of the score minus the query's margin; the bars are shifted
 * in the same way. quantised.ts handles the keys that reach a bar.
 */
import { COMPONENT_BYTES, PANEL_KEYS, PANEL_QUERIES } from "./rounding";

/** Bytes of one query's sums with one panel, in either build: 16 of 16 bits or 8 of 32. */
export const SUMS_BYTES: i32 = 32;

/** The sums of one query that reach `bar`: a bit for each key of the panel. */
@inline
export function reachingKeys(sums: usize, bar: i32): i32 {
  const low = v128.load(sums), high = v128.load(sums, 16);
  if (ASC_FEATURE_RELAXED_SIMD) {
    const b = i16x8.splat(<i16>bar);
    return i16x8.bitmask(i16x8.ge_s(low, b)) | i16x8.bitmask(i16x8.ge_s(high, b)) << 8;
  }
  const b = i32x4.splat(bar);
  return i32x4.bitmask(i32x4.ge_s(low, b)) | i32x4.bitmask(i32x4.ge_s(high, b)) << 4;
}

/** The larger of each two sums. */
@inline
export function largerSums(a: v128, b: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i16x8.max_s(a, b) : i32x4.max_s(a, b);
}

/** The sum of one query with the key in this place of a panel. */
@inline
export function sumOf(sums: usize, place: i32): i32 {
  return ASC_FEATURE_RELAXED_SIMD ? load<i16>(sums + (place << 1)) : load<i32>(sums + (place << 2));
}

/**
 * Computes the sums of 4 queries × one panel of keys. Returns the queries that have a sum that reaches their bar, a bit each. The
 * sums, [4] of SUMS_BYTES, are stored only if there is such a query.
 */
export function scanTile(sums: usize, tile: usize, panel: usize, keyMargins: usize, padded: i32, starts: usize, bars: usize): i32 {
  if (ASC_FEATURE_RELAXED_SIMD) return scanTile8(sums, tile, panel, keyMargins, padded, starts, bars);
  return scanTile16(sums, tile, panel, keyMargins, padded, starts, bars);
}

/** 4 queries × 8 keys, 16-bit components, 32-bit sums. */
@inline
function scanTile16(sums: usize, tile: usize, panel: usize, keyMargins: usize, padded: i32, starts: usize, bars: usize): i32 {
  let c00 = i32x4.splat(0), c01 = i32x4.splat(0);
  let c10 = i32x4.splat(0), c11 = i32x4.splat(0);
  let c20 = i32x4.splat(0), c21 = i32x4.splat(0);
  let c30 = i32x4.splat(0), c31 = i32x4.splat(0);
  const end = tile + (<usize>padded << 3);
  while (tile < end) {
    const k0 = v128.load(panel);
    const k1 = v128.load(panel, 16);
    let q = v128.load32_splat(tile);
    c00 = i32x4.add(c00, i32x4.dot_i16x8_s(q, k0));
    c01 = i32x4.add(c01, i32x4.dot_i16x8_s(q, k1));
    q = v128.load32_splat(tile, 4);
    c10 = i32x4.add(c10, i32x4.dot_i16x8_s(q, k0));
    c11 = i32x4.add(c11, i32x4.dot_i16x8_s(q, k1));
    q = v128.load32_splat(tile, 8);
    c20 = i32x4.add(c20, i32x4.dot_i16x8_s(q, k0));
    c21 = i32x4.add(c21, i32x4.dot_i16x8_s(q, k1));
    q = v128.load32_splat(tile, 12);
    c30 = i32x4.add(c30, i32x4.dot_i16x8_s(q, k0));
    c31 = i32x4.add(c31, i32x4.dot_i16x8_s(q, k1));
    tile += 16;
    panel += 32;
  }
  const m0 = v128.load(keyMargins), m1 = v128.load(keyMargins, 16);
  c00 = i32x4.add(c00, m0);
  c01 = i32x4.add(c01, m1);
  c10 = i32x4.add(c10, m0);
  c11 = i32x4.add(c11, m1);
  c20 = i32x4.add(c20, m0);
  c21 = i32x4.add(c21, m1);
  c30 = i32x4.add(c30, m0);
  c31 = i32x4.add(c31, m1);
  const r0 = reach16(c00, c01, v128.load32_splat(bars)), r1 = reach16(c10, c11, v128.load32_splat(bars, 4));
  const r2 = reach16(c20, c21, v128.load32_splat(bars, 8)), r3 = reach16(c30, c31, v128.load32_splat(bars, 12));
  if (!v128.any_true(v128.or(v128.or(r0, r1), v128.or(r2, r3)))) return 0;
  storeSums(sums, c00, c01, c10, c11, c20, c21, c30, c31);
  return rowsOf(r0, r1, r2, r3);
}

@inline
function rowsOf(r0: v128, r1: v128, r2: v128, r3: v128): i32 {
  return i32(v128.any_true(r0)) | i32(v128.any_true(r1)) << 1 | i32(v128.any_true(r2)) << 2 | i32(v128.any_true(r3)) << 3;
}

@inline
function storeSums(sums: usize, c00: v128, c01: v128, c10: v128, c11: v128, c20: v128, c21: v128, c30: v128, c31: v128): void {
  v128.store(sums, c00);
  v128.store(sums, c01, 16);
  v128.store(sums, c10, 32);
  v128.store(sums, c11, 48);
  v128.store(sums, c20, 64);
  v128.store(sums, c21, 80);
  v128.store(sums, c30, 96);
  v128.store(sums, c31, 112);
}

@inline
function reach16(c0: v128, c1: v128, bar: v128): v128 {
  return v128.or(i32x4.ge_s(c0, bar), i32x4.ge_s(c1, bar));
}

/** 4 queries × 16 keys, 8-bit components, 16-bit sums. Partial sums may wrap; the totals fit. */
@inline
function scanTile8(sums: usize, tile: usize, panel: usize, keyMargins: usize, padded: i32, starts: usize, bars: usize): i32 {
  let c00 = v128.load16_splat(starts), c01 = c00;
  let c10 = v128.load16_splat(starts, 4), c11 = c10;
  let c20 = v128.load16_splat(starts, 8), c21 = c20;
  let c30 = v128.load16_splat(starts, 12), c31 = c30;
  const end = tile + (<usize>padded << 2);
  while (tile < end) {
    const k0 = v128.load(panel);
    const k1 = v128.load(panel, 16);
    let q = v128.load16_splat(tile);
    c00 = i16x8.add(c00, i16x8.relaxed_dot_i8x16_i7x16_s(q, k0));
    c01 = i16x8.add(c01, i16x8.relaxed_dot_i8x16_i7x16_s(q, k1));
    q = v128.load16_splat(tile, 2);
    c10 = i16x8.add(c10, i16x8.relaxed_dot_i8x16_i7x16_s(q, k0));
    c11 = i16x8.add(c11, i16x8.relaxed_dot_i8x16_i7x16_s(q, k1));
    q = v128.load16_splat(tile, 4);
    c20 = i16x8.add(c20, i16x8.relaxed_dot_i8x16_i7x16_s(q, k0));
    c21 = i16x8.add(c21, i16x8.relaxed_dot_i8x16_i7x16_s(q, k1));
    q = v128.load16_splat(tile, 6);
    c30 = i16x8.add(c30, i16x8.relaxed_dot_i8x16_i7x16_s(q, k0));
    c31 = i16x8.add(c31, i16x8.relaxed_dot_i8x16_i7x16_s(q, k1));
    tile += 8;
    panel += 32;
  }
  const m0 = v128.load(keyMargins), m1 = v128.load(keyMargins, 16);
  c00 = i16x8.add_sat_s(c00, m0);
  c01 = i16x8.add_sat_s(c01, m1);
  c10 = i16x8.add_sat_s(c10, m0);
  c11 = i16x8.add_sat_s(c11, m1);
  c20 = i16x8.add_sat_s(c20, m0);
  c21 = i16x8.add_sat_s(c21, m1);
  c30 = i16x8.add_sat_s(c30, m0);
  c31 = i16x8.add_sat_s(c31, m1);
  const r0 = reach8(c00, c01, v128.load16_splat(bars)), r1 = reach8(c10, c11, v128.load16_splat(bars, 4));
  const r2 = reach8(c20, c21, v128.load16_splat(bars, 8)), r3 = reach8(c30, c31, v128.load16_splat(bars, 12));
  if (!v128.any_true(v128.or(v128.or(r0, r1), v128.or(r2, r3)))) return 0;
  storeSums(sums, c00, c01, c10, c11, c20, c21, c30, c31);
  return rowsOf(r0, r1, r2, r3);
}

@inline
function reach8(c0: v128, c1: v128, bar: v128): v128 {
  return v128.or(i16x8.ge_s(c0, bar), i16x8.ge_s(c1, bar));
}

/** Like scanTile, for the first query of a tile only: returns whether a sum reaches its bar. Always stores the sums. */
export function scanPanel(
  sums: usize, tile: usize, panel: usize, keyMargins: usize, padded: i32, starts: usize, bars: usize,
): bool {
  let c0 = ASC_FEATURE_RELAXED_SIMD ? v128.load16_splat(starts) : i32x4.splat(0), c1 = c0;
  const end = panel + <usize>padded * PANEL_KEYS * COMPONENT_BYTES;
  for (; panel < end; panel += 32, tile += PANEL_QUERIES * 2 * COMPONENT_BYTES) {
    const q = ASC_FEATURE_RELAXED_SIMD ? v128.load16_splat(tile) : v128.load32_splat(tile);
    c0 = multiplyAdd(c0, q, v128.load(panel));
    c1 = multiplyAdd(c1, q, v128.load(panel, 16));
  }
  const m0 = v128.load(keyMargins), m1 = v128.load(keyMargins, 16);
  c0 = ASC_FEATURE_RELAXED_SIMD ? i16x8.add_sat_s(c0, m0) : i32x4.add(c0, m0);
  c1 = ASC_FEATURE_RELAXED_SIMD ? i16x8.add_sat_s(c1, m1) : i32x4.add(c1, m1);
  v128.store(sums, c0);
  v128.store(sums, c1, 16);
  if (ASC_FEATURE_RELAXED_SIMD) return v128.any_true(reach8(c0, c1, v128.load16_splat(bars)));
  return v128.any_true(reach16(c0, c1, v128.load32_splat(bars)));
}

/** c + q · keys, in the integers of the build. */
@inline
function multiplyAdd(c: v128, q: v128, keys: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.add(c, i16x8.relaxed_dot_i8x16_i7x16_s(q, keys));
  return i32x4.add(c, i32x4.dot_i16x8_s(q, keys));
}
