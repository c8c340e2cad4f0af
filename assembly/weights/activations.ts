/**
 * Rows of x as small whole numbers, for products with weights in blocks (blocks.ts): each block of 32 columns of a row gets a
 * scale of its own.
 *
 * The 8-bit dot instruction wants one operand in 0…127; then its result is exact on every machine. Next to 8-bit weights that
 * operand is x: x ≈ scale · (q − zero), with q and zero in 0…127 and zero chosen so that the smallest number of the block (or 0)
 * is 0. Next to 4-bit weights, which are in 0…15, x has the sign: x ≈ scale · q, with q in −127…127.
 *
 * Four rows are a tile: [blocks] of q [8 steps][4 rows][4 columns], scales (f32) [4] and, with 8-bit weights, zeros (i32) [4], or
 * with 4-bit weights scale · Σ q (f32) [4]. The plain build has 16-bit q, [16 steps][4 rows][2 columns]. A tile for a single row
 * has one instead of four. Multiplications are never fused here, so all builds have the same bits.
 */
import { hiddenInteger, loadPartial } from "../base/simd";
import { BLOCK, blocksOf } from "./blocks";

/** Bytes of q. */
const Q_BYTES: i32 = ASC_FEATURE_RELAXED_SIMD ? 1 : 2;
/** Columns of a step: those that 32 bits of q hold. */
export const STEP: i32 = 4 / Q_BYTES;

/** Rows of a tile, for `n` rows of x. */
@inline
export function tileRows(n: i32): i32 {
  return n == 1 ? 1 : 4;
}

/** Where a tile of one row has the scale of a block, and its zero or sum: bytes from the block. */
export const ROW_SCALE: i32 = BLOCK * Q_BYTES;
export const ROW_SUM: i32 = ROW_SCALE + 4;

/** Bytes of the q of a block of a tile; its scales follow. */
@inline
export function tileNumbersBytes(rows: i32): i32 {
  return rows * BLOCK * Q_BYTES;
}

/** Bytes of a block of a tile. */
@inline
export function tileBlockBytes(rows: i32): i32 {
  return tileNumbersBytes(rows) + (rows << 3);
}

/** Bytes of a tile. */
@inline
export function tileBytes(rows: i32, width: i32): usize {
  return <usize>(blocksOf(width) * tileBlockBytes(rows));
}

/** Tiles of `n` rows. */
export function activation_tiles(n: i32): i32 {
  const rows = tileRows(n);
  return (n + rows - 1) / rows;
}

/** Bytes of `n` rows of `width` numbers. */
export function activation_bytes(n: i32, width: i32): usize {
  return <usize>activation_tiles(n) * tileBytes(tileRows(n), width);
}

/** Rounds x [n, width] → tiles [from, to). `four`: for 4-bit weights. */
export function round_activations(tiles: usize, x: usize, n: i32, width: i32, four: bool, from: i32, to: i32): void {
  const rows = tileRows(n);
  const bytes = tileBytes(rows, width), rowBytes = <usize>width << 2;
  for (let tile = from; tile < to; tile++) {
    const at = tiles + <usize>tile * bytes;
    for (let row = 0; row < rows; row++) {
      const number = tile * rows + row;
      if (number < n) roundRow(at, row, rows, x + <usize>number * rowBytes, width, four);
      else clearRow(at, row, rows, width);
    }
  }
}

/** Row `row` of a tile = x [width]. */
function roundRow(tile: usize, row: i32, rows: i32, x: usize, width: i32, four: bool): void {
  const bytes = tileBlockBytes(rows);
  for (let column = 0; column < width; column += BLOCK, tile += bytes, x += BLOCK << 2) {
    roundBlock(tile, row, rows, x, min(BLOCK, width - column), four);
  }
}

/** Row `row` of a block of a tile = x [count]; columns beyond are 0. NaN and infinity become a scale of NaN. */
function roundBlock(tile: usize, row: i32, rows: i32, x: usize, count: i32, four: bool): void {
  let low = f32x4.splat(0), high = f32x4.splat(0);
  for (let c = 0; c < count; c += 4) {
    const numbers = loadFour(x, c, count);
    low = f32x4.min(low, numbers);
    high = f32x4.max(high, numbers);
  }
  const least = minLanes(low), most = maxLanesOrNaN(high);
  const range: f32 = four ? max<f32>(most, -least) : most - least;
  const factor: f32 = 127 / range;
  const usable = factor > 0 && factor < Infinity;
  const scale: f32 = usable ? range / 127 : range * 0; // NaN for NaN and infinity, 0 where 127 / range would be infinite
  const inverse = f32x4.splat(usable ? factor : 0);
  const zero = four ? 0 : i32x4.extract_lane(roundFour(f32x4.mul(f32x4.splat(-least), inverse)), 0);
  const scales = tile + tileNumbersBytes(rows) + (row << 2);
  let sum = i32x4.splat(0);
  const zeros = i32x4.splat(zero), ceiling = hiddenInteger(127, count >> 31); // count is never negative
  const floor = four ? i32x4.neg(ceiling) : i32x4.splat(0);
  let to = tile + (row << 2);
  for (let c = 0; c < BLOCK; c += 4) {
    const q = i32x4.add(c < count ? roundFour(f32x4.mul(loadFour(x, c, count), inverse)) : i32x4.splat(0), zeros);
    const within = i32x4.min_s(i32x4.max_s(q, floor), ceiling);
    sum = i32x4.add(sum, within);
    const pairs = i16x8.narrow_i32x4_s(within, within);
    if (ASC_FEATURE_RELAXED_SIMD) {
      v128.store_lane<i32>(to, i8x16.narrow_i16x8_s(pairs, pairs), 0);
      to += rows << 2;
    } else {
      v128.store_lane<i32>(to, pairs, 0);
      v128.store_lane<i32>(to + (rows << 2), pairs, 1);
      to += rows << 3;
    }
  }
  store<f32>(scales, scale);
  if (four) store<f32>(scales + (rows << 2), scale * <f32>sumIntegers(sum));
  else store<i32>(scales + (rows << 2), zero);
}

/** A row of a tile that stands for no row of x. */
function clearRow(tile: usize, row: i32, rows: i32, width: i32): void {
  const bytes = tileBlockBytes(rows), step = <usize>rows << 2;
  for (const end = tile + tileBytes(rows, width); tile < end; tile += bytes) {
    for (let at = tile + (row << 2); at < tile + bytes; at += step) store<i32>(at, 0);
  }
}

@inline
function loadFour(x: usize, column: i32, count: i32): v128 {
  const at = x + (<usize>column << 2);
  return count - column >= 4 ? v128.load(at) : loadPartial(at, count - column, 0);
}

/** Four floats rounded to whole numbers, ties to even; NaN becomes 0. */
@inline
function roundFour(x: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(x));
}

/** The smallest of four; NaN if one is NaN. */
@inline
function minLanes(x: v128): f32 {
  const pairs = f32x4.min(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return min<f32>(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

/** The largest of four; NaN if one is NaN. */
@inline
function maxLanesOrNaN(x: v128): f32 {
  const pairs = f32x4.max(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return max<f32>(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

@inline
function sumIntegers(x: v128): i32 {
  const pairs = i32x4.add(x, v128.shuffle<i32>(x, x, 2, 3, 0, 1));
  return i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1);
}
