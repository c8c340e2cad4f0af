/**
 * Rows of x as small whole numbers, for products with weights in blocks (blocks.ts): each block of 32 columns of a row gets a
 * scale of its own.
 *
 * The 8-bit dot instruction wants one operand in 0…127; then its result is exact on every machine. Next to 8-bit weights that
 * operand is x: x ≈ scale · (q − zero), with q and zero in 0…127 and zero chosen so that the smallest number of the block (or 0)
 * is 0. Next to 4-bit weights, which are in 0…15, x has the sign: x ≈ scale · q, with q in −127…127.
 *
 * Language models have a few channels that are far larger than the rest, and their blocks make most of the error. So what rounding
 * left over of a block with a scale of more than `spread` times the row's mean is rounded too, as one more term: a block that is
 * multiplied with the same weights. With 8-bit weights about one block in eight is such a block, and they halve the error of a row.
 *
 * Four rows are a tile: the number of terms, then the terms of all blocks, in order, then those of what is left over. A term has q
 * [8 steps][4 rows][4 columns], scales (f32) [4], with 8-bit weights zeros (i32) [4], with 4-bit weights scale · Σ q (f32) [4],
 * and the number of its block. The plain build has 16-bit q, [16 steps][4 rows][2 columns]. A tile for a single row has one instead
 * of four. Multiplications are never fused here, so all builds have the same bits.
 */
import { hidden, hiddenInteger, maxLanes } from "../base/simd";
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

/**
 * How much larger than the mean a scale is whose block gets a second term. Next to 4-bit weights x has twice as many steps, so fewer
 * blocks need one for the same error.
 */
@inline
function spread(four: bool): f32 {
  return four ? 4 : 1.5;
}

/** Room for a block that is not whole or what is left over of one, and for the largest scale of each row that needs no second term. */
const LEFT_BYTES: i32 = BLOCK << 2;
/** 1.5 · 2²³: adding it to a small number rounds that to the nearest integer, ties to even, which the low bits of the sum hold. */
const ROUNDER: f32 = 12582912;
/** The bits of the largest float. */
const LARGEST_FINITE: i32 = 0x7f7fffff;

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
    const at = x + <usize>(block * BLOCK << 2), count = min(BLOCK, width - block * BLOCK);
    for (let row = 0; row < present; row++) {
      roundBlock(term, row, rows, wholeBlock(at + (<usize>(row * width) << 2), count, scratch), four);
    }
    for (let row = present; row < rows; row++) clearRow(term, row, rows);
    store<i32>(term + termBlock(rows), block);
  }
  for (let row = 0; row < rows; row++) store<f32>(scratch + LEFT_BYTES + (row << 2), spread(four) * meanScale(first, row, rows, blocks));
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

/** A block of 32 numbers: x [count] itself, or a copy in scratch with zeros behind it. */
@inline
function wholeBlock(x: usize, count: i32, scratch: usize): usize {
  if (count == BLOCK) return x;
  memory.fill(scratch, 0, LEFT_BYTES);
  memory.copy(scratch, x, count << 2);
  return scratch;
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
      leftOver(scratch, rounded, row, rows, wholeBlock(x + (<usize>(row * width) << 2), count, scratch), four);
      roundBlock(term, row, rows, scratch, four);
    } else {
      clearRow(term, row, rows);
    }
  }
  return true;
}

/** to [BLOCK] = x − the numbers that row `row` of a term stands for. */
function leftOver(to: usize, term: usize, row: i32, rows: i32, x: usize, four: bool): void {
  const scales = term + tileNumbersBytes(rows) + (row << 2);
  const scale = v128.load32_splat(scales);
  const zeros = four ? i32x4.splat(0) : v128.load32_splat(scales + (rows << 2));
  let from = term + (row << 2);
  for (let c = 0; c < BLOCK << 2; c += 16, from += rows * 4 * Q_BYTES) {
    const numbers = f32x4.convert_i32x4_s(i32x4.sub(loadNumbers(from, rows), zeros));
    v128.store(to + c, f32x4.sub(v128.load(x + c), f32x4.mul(scale, numbers)));
  }
}

/** Four columns of a row of a term. */
@inline
function loadNumbers(from: usize, rows: i32): v128 {
  const first = v128.load_zero<i32>(from);
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(first));
  return i32x4.extend_low_i16x8_s(v128.load_lane<i32>(from + (rows << 2), first, 1));
}

/** A row of a term that is all zeros. */
function clearRow(term: usize, row: i32, rows: i32): void {
  for (const end = term + termBlock(rows); term < end; term += rows << 2) store<i32>(term + (row << 2), 0);
}

/** Row `row` of a term = x [BLOCK]. NaN and infinity become a scale of NaN. */
function roundBlock(term: usize, row: i32, rows: i32, x: usize, four: bool): void {
  const magnitude = hiddenInteger(i32.MAX_VALUE, rows >> 31); // rows is never negative
  let low = f32x4.splat(0), high = f32x4.splat(0), largest = i32x4.splat(0);
  for (let c = 0; c < BLOCK << 2; c += 16) {
    const numbers = v128.load(x + c);
    low = f32x4.pmin(low, numbers);
    high = f32x4.pmax(high, numbers);
    largest = i32x4.max_s(largest, v128.and(numbers, magnitude)); // floats without a sign are ordered as their bits are
  }
  const isFinite = !v128.any_true(i32x4.gt_s(largest, i32x4.splat(LARGEST_FINITE)));
  const least = minLanes(low), most = maxLanes(high);
  const range: f32 = isFinite ? (four ? max<f32>(most, -least) : most - least) : NaN;
  const factor: f32 = 127 / range;
  const usable = factor > 0 && factor < Infinity;
  const scale: f32 = usable ? range / 127 : range * 0; // NaN for NaN and infinity, 0 where 127 / range would be infinite
  const inverse: f32 = usable ? factor : 0;
  const zero = four || !usable ? 0 : reinterpret<i32>(-least * inverse + ROUNDER) - reinterpret<i32>(ROUNDER);
  const sum = storeRounded(term + (row << 2), x, inverse, zero, rows);
  const scales = term + tileNumbersBytes(rows) + (row << 2);
  store<f32>(scales, scale);
  if (four) store<f32>(scales + (rows << 2), scale * <f32>sumIntegers(sum));
  else store<i32>(scales + (rows << 2), zero);
}

/**
 * q [BLOCK] = round(x · inverse) + zero, at most 127; 4 bytes of a row are `rows` words apart. Returns four sums of q, whose sum is
 * that of all. Rounding is symmetric, so no q is below 0 with a zero, or below −127 without; with one, 63.5 + 63.5 may round to 128.
 */
@inline
function storeRounded(to: usize, x: usize, inverse: f32, zero: i32, rows: i32): v128 {
  const none = rows >> 31; // rows is never negative
  const factor = f32x4.splat(inverse), rounder = hidden(ROUNDER, none), ceiling = hiddenInteger(0x007f007f, none);
  const base = i32x4.sub(rounder, i32x4.splat(zero));
  const step = <usize>rows << 2;
  let sum = i32x4.splat(0);
  for (const end = x + (BLOCK << 2); x < end; x += 64 / Q_BYTES) {
    const q0 = roundFour(x, factor, rounder, base), q1 = roundFour(x + 16, factor, rounder, base);
    sum = i32x4.add(i32x4.add(sum, q0), q1);
    let words = i16x8.narrow_i32x4_s(q0, q1);
    if (ASC_FEATURE_RELAXED_SIMD) {
      const q2 = roundFour(x + 32, factor, rounder, base), q3 = roundFour(x + 48, factor, rounder, base);
      sum = i32x4.add(i32x4.add(sum, q2), q3);
      words = i8x16.narrow_i16x8_s(words, i16x8.narrow_i32x4_s(q2, q3)); // 128 becomes 127
    } else {
      words = i16x8.min_s(words, ceiling);
    }
    v128.store_lane<i32>(to, words, 0);
    v128.store_lane<i32>(to + step, words, 1);
    v128.store_lane<i32>(to + 2 * step, words, 2);
    v128.store_lane<i32>(to + 3 * step, words, 3);
    to += 4 * step;
  }
  return sum;
}

/** Four floats times `factor`, rounded to whole numbers, ties to even, minus what `base` has more than `rounder`. */
@inline
function roundFour(x: usize, factor: v128, rounder: v128, base: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.mul(v128.load(x), factor), rounder), base);
}

@inline
function minLanes(x: v128): f32 {
  const pairs = f32x4.pmin(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.pmin(pairs, v128.shuffle<f32>(pairs, pairs, 1, 0, 3, 2)), 0);
}

@inline
function sumIntegers(x: v128): i32 {
  const pairs = i32x4.add(x, v128.shuffle<i32>(x, x, 2, 3, 0, 1));
  return i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1);
}
