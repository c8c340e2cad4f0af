/**
 * How whole-number weights lie in memory: groups of 16 rows, each group block by block, so that a product reads memory straight
 * through and every vector lane belongs to a row of its own. No sum over lanes is ever needed.
 *
 * A weight is scale · q, with q in −128…127, or scale · q + minimum, with q in 0…15: the blocks of Q8_0 and Q4_1. A block is 32
 * columns. Of a group, it holds
 *   8 bits: q [8 steps][16 rows][4 columns], scales (f16) [16], and −Σ q of each row (i16) [16];
 *   4 bits: q [4 steps][16 rows][4 columns], where the low half of a byte is column c and the high half column c + 16, then
 *           scales (f16) [16] and minimums (f16) [16].
 * Rows and columns that do not exist are zeros.
 */
import { hidden, hiddenInteger } from "../base/simd";

/** Rows of a group, the unit of work of a product. */
export const GROUP_ROWS: i32 = 16;
/** Columns of a block, which share a scale. */
export const BLOCK: i32 = 32;
/** Bytes of the scales of a group's block, and of what follows them. */
const SCALES_BYTES: i32 = GROUP_ROWS << 1;
const NUMBERS_BYTES_8: i32 = GROUP_ROWS * BLOCK;
const NUMBERS_BYTES_4: i32 = NUMBERS_BYTES_8 >> 1;

/** Blocks of a row. */
@inline
export function blocksOf(width: i32): i32 {
  return (width + BLOCK - 1) / BLOCK;
}

/** Groups of a matrix. */
@inline
export function groupsOf(rows: i32): i32 {
  return (rows + GROUP_ROWS - 1) / GROUP_ROWS;
}

/** Bytes of the whole numbers of a group's block; its scales follow. */
@inline
export function numbersBytes(four: bool): i32 {
  return four ? NUMBERS_BYTES_4 : NUMBERS_BYTES_8;
}

/** Bytes of a group's block. */
@inline
export function blockBytes(four: bool): i32 {
  return numbersBytes(four) + 2 * SCALES_BYTES;
}

/** Bytes of a group of rows of `width` numbers. */
@inline
export function groupBytes(width: i32, four: bool): usize {
  return <usize>(blocksOf(width) * blockBytes(four));
}

/** Bytes of a matrix [rows, width], which may be more than an address can say. */
export function blocks_bytes(rows: i32, width: i32, four: bool): f64 {
  return <f64>groupsOf(rows) * <f64>blocksOf(width) * <f64>blockBytes(four);
}

/** Sign, exponent and fraction of a half, three bits to the right of where they stand in the high half of a float. */
const HALF_BITS: i32 = 0x8fffe000;
/** 2^(127 − 15): the exponents' biases differ by 112. */
const BIAS_GAP: f32 = 5.192296858534828e33;

/** Constants of `widenFinite`, for use inside a loop; `zero` is a 0 that the compiler cannot know. */
@inline
export function halfBits(zero: i32): v128 {
  return hiddenInteger(HALF_BITS, zero);
}

@inline
export function halfGap(zero: i32): v128 {
  return hidden(BIAS_GAP, zero);
}

/** Sixteen bytes, each with its lower four bits set: the halves of bytes that are the first columns of a 4-bit block. */
@inline
export function lowHalves(zero: i32): v128 {
  return hiddenInteger(0x0f0f0f0f, zero);
}

/** Four finite halves, sign-extended to 32 bits, as floats. */
@inline
export function widenFinite(halves: v128, bits: v128, gap: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shl(halves, 13), bits), gap);
}

/** One finite half as a float. */
@inline
export function halfAt(address: usize): f32 {
  return reinterpret<f32>(<i32>load<i16>(address) << 13 & HALF_BITS) * BIAS_GAP;
}
