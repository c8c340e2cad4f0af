/**
 * A group of weights with a number of its own for each: halves of bytes become bytes in the relaxed build; in the plain build all
 * become 16 bits. A tile of dots.ts then meets one layout, [blocks][steps][16 rows] of 32 bits.
 */
import { blockBytes, GROUP_ROWS, groupBytes, halfBits, halfGap, lowHalves, numbersBytes, widenFinite } from "./blocks";
import { EXPANDED_BYTES } from "./dots";

/** Whether the group's numbers are expanded before tiles use them. */
@inline
export function isExpanded(four: bool): bool {
  return four || !ASC_FEATURE_RELAXED_SIMD;
}

/** to = the whole numbers of a group. */
export function expandGroup(to: usize, group: usize, width: i32, four: bool): void {
  const numbers = numbersBytes(four), rest = blockBytes(four) - numbers;
  const low = lowHalves(width >> 31); // width is never negative
  for (const end = group + groupBytes(width, four); group < end; group += rest) {
    const last = group + numbers;
    const high = to + (EXPANDED_BYTES >> 1); // where columns 16 to 31 begin
    if (!four) {
      for (; group < last; group += 64, to += 128) widenSteps(to, group);
    } else {
      for (let upper = high; group < last; group += 64) {
        if (ASC_FEATURE_RELAXED_SIMD) {
          splitBytes(to, upper, group, low);
          to += 64;
          upper += 64;
        } else {
          splitWidened(to, upper, group, low);
          to += 128;
          upper += 128;
        }
      }
      to = high + (EXPANDED_BYTES >> 1);
    }
  }
}

/** Low and high halves of 64 bytes, as bytes. */
@inline
function splitBytes(low: usize, high: usize, from: usize, mask: v128): void {
  for (const end = from + 64; from < end; from += 16, low += 16, high += 16) {
    const bytes = v128.load(from);
    v128.store(low, v128.and(bytes, mask));
    v128.store(high, v128.and(i16x8.shr_u(bytes, 4), mask));
  }
}

/** Sixteen rows of four bytes → two steps of sixteen rows of two 16-bit numbers. */
@inline
function widenSteps(to: usize, from: usize): void {
  for (const end = from + 64; from < end; from += 16, to += 16) {
    storeSteps(to, v128.load_ext<i8>(from), v128.load_ext<i8>(from, 8));
  }
}

/** The same for low and high halves of the bytes. */
@inline
function splitWidened(low: usize, high: usize, from: usize, mask: v128): void {
  for (const end = from + 64; from < end; from += 16, low += 16, high += 16) {
    const a = v128.load_ext<u8>(from), b = v128.load_ext<u8>(from, 8);
    storeSteps(low, v128.and(a, mask), v128.and(b, mask));
    storeSteps(high, i16x8.shr_u(a, 4), i16x8.shr_u(b, 4));
  }
}

/** Four rows of four 16-bit numbers, in a and b, → columns 0 and 1 at `to`, 2 and 3 one step further. */
@inline
function storeSteps(to: usize, a: v128, b: v128): void {
  v128.store(to, v128.shuffle<i32>(a, b, 0, 2, 4, 6));
  v128.store(to, v128.shuffle<i32>(a, b, 1, 3, 5, 7), 64);
}

/** to = the scales of a group's blocks (f32) [16], and their minimums (f32) or sums (i32) [16]. */
export function expandScales(to: usize, group: usize, width: i32, four: bool): void {
  const zero = width >> 31; // width is never negative
  const bits = halfBits(zero), gap = halfGap(zero);
  const numbers = numbersBytes(four), rest = blockBytes(four) - numbers;
  for (const end = group + groupBytes(width, four); group < end; group += rest) {
    group += numbers;
    for (let row = 0; row < GROUP_ROWS; row += 4, to += 16) {
      const at = group + (row << 1);
      v128.store(to, widenFinite(v128.load_ext<i16>(at), bits, gap));
      const extra = v128.load_ext<i16>(at, 2 * GROUP_ROWS);
      v128.store(to, four ? widenFinite(extra, bits, gap) : extra, 4 * GROUP_ROWS);
    }
    to += 4 * GROUP_ROWS;
  }
}
