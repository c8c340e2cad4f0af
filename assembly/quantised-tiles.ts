/**
 * The inner loops of a quantised scan: integer products of queries with panels of keys, plus the keys' margins, compared with
 * each query's bar while they are in registers. Two shapes: four queries and one panel, or one query and four panels.
 *
 * Layouts are those of quantise.ts. A sum here is an upper bound of the score less the query's margin; the bars are shifted
 * likewise. What reaches a bar is left to quantised.ts.
 */
import { COMPONENT_BYTES, PANEL_KEYS, PANEL_QUERIES } from "./quantise";

/** Panels that one query is multiplied with at a time: as many as registers hold. */
export const PANELS_AT_ONCE: i32 = 4;

/**
 * Upper bounds, less the query's margin, of 4 queries × one panel of keys. Returns whether any reaches its query's bar; only
 * then they are stored in `sums`.
 */
export function scanTile(sums: usize, tile: usize, panel: usize, keyMargins: usize, padded: i32, starts: usize, bars: usize): bool {
  if (ASC_FEATURE_RELAXED_SIMD) return scanTile8(sums, tile, panel, keyMargins, padded, starts, bars);
  return scanTile16(sums, tile, panel, keyMargins, padded, starts, bars);
}

/** 4 queries × 8 keys, 16-bit components, 32-bit sums. */
@inline
function scanTile16(sums: usize, tile: usize, panel: usize, keyMargins: usize, padded: i32, starts: usize, bars: usize): bool {
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
  const any01 = v128.or(reach16(c00, c01, v128.load32_splat(bars)), reach16(c10, c11, v128.load32_splat(bars, 4)));
  const any23 = v128.or(reach16(c20, c21, v128.load32_splat(bars, 8)), reach16(c30, c31, v128.load32_splat(bars, 12)));
  if (!v128.any_true(v128.or(any01, any23))) return false;
  v128.store(sums, c00);
  v128.store(sums, c01, 16);
  v128.store(sums, c10, 32);
  v128.store(sums, c11, 48);
  v128.store(sums, c20, 64);
  v128.store(sums, c21, 80);
  v128.store(sums, c30, 96);
  v128.store(sums, c31, 112);
  return true;
}

@inline
function reach16(c0: v128, c1: v128, bar: v128): v128 {
  return v128.or(i32x4.ge_s(c0, bar), i32x4.ge_s(c1, bar));
}

/** 4 queries × 16 keys, 8-bit components, 16-bit sums, which wrap on the way but fit in the end. */
@inline
function scanTile8(sums: usize, tile: usize, panel: usize, keyMargins: usize, padded: i32, starts: usize, bars: usize): bool {
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
  const any01 = v128.or(reach8(c00, c01, barOf(bars)), reach8(c10, c11, barOf(bars + 4)));
  const any23 = v128.or(reach8(c20, c21, barOf(bars + 8)), reach8(c30, c31, barOf(bars + 12)));
  if (!v128.any_true(v128.or(any01, any23))) return false;
  storeWide(sums, c00, c01);
  storeWide(sums + 64, c10, c11);
  storeWide(sums + 128, c20, c21);
  storeWide(sums + 192, c30, c31);
  return true;
}

/** A bar as 16 bits: those beyond either end are kept apart by `collect`, which compares all 32. */
@inline
function barOf(bar: usize): v128 {
  return i16x8.splat(<i16>min(max(load<i32>(bar), i16.MIN_VALUE), i16.MAX_VALUE));
}

@inline
function reach8(c0: v128, c1: v128, bar: v128): v128 {
  return v128.or(i16x8.ge_s(c0, bar), i16x8.ge_s(c1, bar));
}

@inline
function storeWide(to: usize, c0: v128, c1: v128): void {
  v128.store(to, i32x4.extend_low_i16x8_s(c0));
  v128.store(to, i32x4.extend_high_i16x8_s(c0), 16);
  v128.store(to, i32x4.extend_low_i16x8_s(c1), 32);
  v128.store(to, i32x4.extend_high_i16x8_s(c1), 48);
}

/** As scanTile, for one query and four panels of keys. */
export function scanPanels(
  sums: usize, tile: usize, panel: usize, panelBytes: usize, keyMargins: usize, padded: i32, starts: usize, bars: usize,
): bool {
  let c0 = ASC_FEATURE_RELAXED_SIMD ? v128.load16_splat(starts) : i32x4.splat(0), c1 = c0;
  let c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
  const panel1 = panel + panelBytes, panel2 = panel1 + panelBytes, panel3 = panel2 + panelBytes;
  const end = <usize>padded << 4;
  for (let at: usize = 0; at < end; at += 32, tile += PANEL_QUERIES * 2 * COMPONENT_BYTES) {
    const q = ASC_FEATURE_RELAXED_SIMD ? v128.load16_splat(tile) : v128.load32_splat(tile);
    c0 = multiplyAdd(c0, q, v128.load(panel + at));
    c1 = multiplyAdd(c1, q, v128.load(panel + at, 16));
    c2 = multiplyAdd(c2, q, v128.load(panel1 + at));
    c3 = multiplyAdd(c3, q, v128.load(panel1 + at, 16));
    c4 = multiplyAdd(c4, q, v128.load(panel2 + at));
    c5 = multiplyAdd(c5, q, v128.load(panel2 + at, 16));
    c6 = multiplyAdd(c6, q, v128.load(panel3 + at));
    c7 = multiplyAdd(c7, q, v128.load(panel3 + at, 16));
  }
  const bar = ASC_FEATURE_RELAXED_SIMD ? barOf(bars) : v128.load32_splat(bars);
  const any0 = v128.or(
    finishPanel(sums, c0, c1, keyMargins, bar), finishPanel(sums + (PANEL_KEYS << 2), c2, c3, keyMargins + 32, bar),
  );
  const any1 = v128.or(
    finishPanel(sums + (2 * PANEL_KEYS << 2), c4, c5, keyMargins + 64, bar),
    finishPanel(sums + (3 * PANEL_KEYS << 2), c6, c7, keyMargins + 96, bar),
  );
  return v128.any_true(v128.or(any0, any1));
}

/** c + q · keys, in the integers of the build. */
@inline
function multiplyAdd(c: v128, q: v128, keys: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.add(c, i16x8.relaxed_dot_i8x16_i7x16_s(q, keys));
  return i32x4.add(c, i32x4.dot_i16x8_s(q, keys));
}

/** Adds the margins to one panel's sums, stores them as i32, and tells which reach the bar. */
@inline
function finishPanel(sums: usize, c0: v128, c1: v128, keyMargins: usize, bar: v128): v128 {
  const m0 = v128.load(keyMargins), m1 = v128.load(keyMargins, 16);
  if (ASC_FEATURE_RELAXED_SIMD) {
    const x0 = i16x8.add_sat_s(c0, m0), x1 = i16x8.add_sat_s(c1, m1);
    storeWide(sums, x0, x1);
    return reach8(x0, x1, bar);
  }
  const x0 = i32x4.add(c0, m0), x1 = i32x4.add(c1, m1);
  v128.store(sums, x0);
  v128.store(sums, x1, 16);
  return reach16(x0, x1, bar);
}
