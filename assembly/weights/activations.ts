/**
 * Rows of x as small whole numbers, for products with weights in blocks (blocks.ts): each block of 32 columns of a row gets a
 * scale of its own.
 *
 * The 8-bit dot instruction wants one operand in 0…127; then its result is exact on every machine. Next to 8-bit weights that
 * operand is x: x ≈ scale · (q − zero), with q and zero in 0…127 and zero chosen so that the smallest number of the block (or 0)
 * is 0. Next to 4-bit weights, which are in 0…15, x has the sign: x ≈ scale · q, with q in −127…127.
 *
 * Language models have a few channels that are far larger than the rest, and their blocks make most of the error. So what rounding
 * left over of a block with a scale of more than SPREAD times the row's mean is rounded too, as one more term: a block that is
 * multiplied with the same weights. About one block in eight is such a block, and they halve the error of a row.
 *
 * Four rows are a tile: the number of terms, then the terms of all blocks, in order, then those of what is left over. A term has q
 * [8 steps][4 rows][4 columns], scales (f32) [4], with 8-bit weights zeros (i32) [4], with 4-bit weights scale · Σ q (f32) [4],
 * and the number of its block. The plain build has 16-bit q, [16 steps][4 rows][2 columns]. A tile for a single row has one instead
 * of four. Multiplications are never fused here, so all builds have the same bits.
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

/** Where a term of a single row has its scale, its zero or sum, and its block: bytes from the term. */
export const ROW_SCALE: i32 = BLOCK * Q_BYTES;
export const ROW_SUM: i32 = ROW_SCALE + 4;
export const ROW_BLOCK: i32 = ROW_SCALE + 8;

/** Bytes of the q of a term; its scales follow. */
@inline
export function tileNumbersBytes(rows: i32): i32 {
  return rows * BLOCK * Q_BYTES;
}

/** Where a term has the number of its block: bytes from the term. */
@inline
export function termBlock(rows: i32): i32 {
  return tileNumbersBytes(rows) + (rows << 3);
}

/** Bytes of a term. */
@inline
export function termBytes(rows: i32): i32 {
  return termBlock(rows) + (rows << 2);
}

/** Bytes of a tile before its terms. */
export const HEAD_BYTES: i32 = 16;

/** Bytes of a tile with all terms that it can have. */
@inline
export function tileBytes(rows: i32, width: i32): usize {
  return <usize>(HEAD_BYTES + 2 * blocksOf(width) * termBytes(rows));
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

/** How much larger than the mean a scale is whose block gets a second term. */
const SPREAD: f32 = 1.5;
/** Room for what is left over of a block, and for the largest scale of each row that needs no second term. */
const LEFT_BYTES: i32 = BLOCK << 2;

/** Bytes of scratch for `round_activations`. */
export function round_activations_scratch_bytes(): i32 {
  return LEFT_BYTES + 16;
}

/**
 * Rounds x [n, width] → tiles [from, to). `four`: for 4-bit weights. `scratch`: round_activations_scratch_bytes().
 */
export function round_activations(
  tiles: usize, x: usize, n: i32, width: i32, four: bool, from: i32, to: i32, scratch: usize,
): void {
  const rows = tileRows(n);
  const bytes = tileBytes(rows, width), rowBytes = <usize>(rows * width) << 2;
  for (let tile = from; tile < to; tile++) {
    roundTile(tiles + <usize>tile * bytes, x + <usize>tile * rowBytes, rows, min(rows, n - tile * rows), width, four, scratch);
  }
}

/** A tile of `rows` rows, of which the first `present` are those of x. */
function roundTile(tile: usize, x: usize, rows: i32, present: i32, width: i32, four: bool, scratch: usize): void {
  const blocks = blocksOf(width), bytes = termBytes(rows);
  const first = tile + HEAD_BYTES;
  let term = first;
  for (let block = 0; block < blocks; block++, term += bytes) {
    const at = x + <usize>(block * BLOCK << 2);
    for (let row = 0; row < present; row++) {
      roundBlock(term, row, rows, at + (<usize>(row * width) << 2), min(BLOCK, width - block * BLOCK), four);
    }
    for (let row = present; row < rows; row++) clearRow(term, row, rows);
    store<i32>(term + termBlock(rows), block);
  }
  for (let row = 0; row < rows; row++) store<f32>(scratch + LEFT_BYTES + (row << 2), SPREAD * meanScale(first, row, rows, blocks));
  for (let block = 0; block < blocks; block++) {
    const at = x + <usize>(block * BLOCK << 2);
    if (roundRest(term, first + <usize>(block * bytes), at, rows, width, min(BLOCK, width - block * BLOCK), four, scratch)) {
      store<i32>(term + termBlock(rows), block);
      term += bytes;
    }
  }
  store<i32>(tile, <i32>(term - first) / bytes);
}

/** The mean scale of a row's blocks. */
function meanScale(term: usize, row: i32, rows: i32, blocks: i32): f32 {
  let sum: f32 = 0;
  term += tileNumbersBytes(rows) + (row << 2);
  for (let block = 0; block < blocks; block++, term += termBytes(rows)) sum += load<f32>(term);
  return sum / <f32>blocks;
}

/** Rounds what `rounded`, a term of x's block, left over, for the rows with too large a scale. False if there is none. */
function roundRest(
  term: usize, rounded: usize, x: usize, rows: i32, width: i32, count: i32, four: bool, scratch: usize,
): bool {
  const scales = rounded + tileNumbersBytes(rows);
  let any = false;
  for (let row = 0; row < rows; row++) {
    any = any || load<f32>(scales + (row << 2)) > load<f32>(scratch + LEFT_BYTES + (row << 2));
  }
  if (!any) return false;
  for (let row = 0; row < rows; row++) {
    if (load<f32>(scales + (row << 2)) > load<f32>(scratch + LEFT_BYTES + (row << 2))) {
      leftOver(scratch, rounded, row, rows, x + (<usize>(row * width) << 2), count, four);
      roundBlock(term, row, rows, scratch, count, four);
    } else {
      clearRow(term, row, rows);
    }
  }
  return true;
}

/** to [count] = x − the numbers that row `row` of a term stands for. */
function leftOver(to: usize, term: usize, row: i32, rows: i32, x: usize, count: i32, four: bool): void {
  const numbers = tileNumbersBytes(rows);
  const scale = load<f32>(term + numbers + (row << 2));
  const zero = four ? 0 : load<i32>(term + numbers + ((rows + row) << 2));
  for (let c = 0; c < count; c++) {
    const at = term + ((c / STEP * rows + row) << 2) + c % STEP * Q_BYTES;
    const q = ASC_FEATURE_RELAXED_SIMD ? <i32>load<i8>(at) : <i32>load<i16>(at);
    store<f32>(to + (c << 2), load<f32>(x + (c << 2)) - scale * <f32>(q - zero));
  }
}

/** A row of a term that is all zeros. */
function clearRow(term: usize, row: i32, rows: i32): void {
  for (const end = term + termBlock(rows); term < end; term += rows << 2) store<i32>(term + (row << 2), 0);
}

/** Row `row` of a term = x [count]; columns beyond are 0. NaN and infinity become a scale of NaN. */
function roundBlock(term: usize, row: i32, rows: i32, x: usize, count: i32, four: bool): void {
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
  const scales = term + tileNumbersBytes(rows) + (row << 2);
  let sum = i32x4.splat(0);
  const zeros = i32x4.splat(zero), ceiling = hiddenInteger(127, count >> 31); // count is never negative
  const floor = four ? i32x4.neg(ceiling) : i32x4.splat(0);
  let to = term + (row << 2);
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
