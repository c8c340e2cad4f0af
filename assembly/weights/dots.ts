/**
 * The inner loops of products with weights in blocks: one row, or a tile of four rows, of rounded x (activations.ts) with one
 * group of 16 rows of weights (blocks.ts).
 *
 * The whole numbers of a block are multiplied and summed exactly: 32 products of −128…127 and 0…127 are far from the ends of 32
 * bits, and the relaxed instruction has one meaning while its second operand is in 0…127. Then each block's sum is scaled and
 * added to those of the blocks before, in their order, by multiplications and additions that are never fused. So a product has
 * the same bits in both builds, on all engines, and whether x has one row or many.
 *
 * The four-row tile reads weights as bytes in the relaxed build, where 8-bit ones are read in place, and as 16 bits in the plain
 * build; `expand.ts` prepares them.
 */
import { hiddenInteger } from "../base/simd";
import { HEAD_BYTES, ROW_BLOCK, ROW_SCALE, ROW_SUM, STEP, termBlock, termBytes, tileNumbersBytes } from "./activations";
import { BLOCK, blockBytes, GROUP_ROWS, halfBits, halfGap, lowHalves, numbersBytes, widenFinite } from "./blocks";

/** Bytes of a step of a group of expanded weights: 32 bits a row. */
const STEP_BYTES: i32 = GROUP_ROWS << 2;
/** Bytes of the expanded scales of a block: 16 scales, 16 minimums or sums. */
export const EXPANDED_SCALES_BYTES: i32 = GROUP_ROWS << 3;
/** Bytes of the expanded numbers of a block. */
export const EXPANDED_BYTES: i32 = STEP_BYTES * BLOCK / STEP;

/** How the relaxed build multiplies bytes. Sums are the same; which is faster depends on the processor. */
export const enum Dots {
  /** One instruction: four products of bytes are added to 32 bits. */
  Fours,
  /** Two products to 16 bits, and two of those to 32 bits. */
  Pairs,
  /** Weights of 4 bits: sums of a block fit 16 bits, as 16 · 15 · 127 < 2¹⁵. */
  Small,
}

/** Eight ones, for use inside a loop. */
@inline
function hiddenOnes(zero: i32): v128 {
  return hiddenInteger(0x00010001, zero);
}

/** c + w · x, for the 32 bits of each lane: four products of bytes, or two of 16 bits. `ones`: eight 16-bit ones. */
@inline
function addDots(c: v128, w: v128, x: v128, ones: v128, dots: Dots): v128 {
  if (!ASC_FEATURE_RELAXED_SIMD) return i32x4.add(c, i32x4.dot_i16x8_s(w, x));
  if (dots == Dots.Small) return i16x8.add(c, i16x8.relaxed_dot_i8x16_i7x16_s(x, w));
  if (dots == Dots.Fours) return i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, c);
  return i32x4.add(c, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(w, x), ones));
}

/** A block's sums as four floats, each of a row. */
@inline
function sumsOf(c: v128, ones: v128, dots: Dots): v128 {
  if (ASC_FEATURE_RELAXED_SIMD && dots == Dots.Small) c = i32x4.dot_i16x8_s(c, ones);
  return f32x4.convert_i32x4_s(c);
}

/**
 * The start of a block's sums: −zero · Σ q of each row of weights, which is what x's zero adds to its q. `sums` are 16-bit
 * numbers in 32 bits each, as is `zero`, whose high half is 0.
 */
@inline
function startOf(sums: v128, zero: v128): v128 {
  return i32x4.dot_i16x8_s(sums, zero);
}

/** Adds a block's sums of four rows of weights: scaled by both scales and, with 4-bit weights, plus minimum · scaled Σ q of x. */
@inline
function addBlock(to: usize, sums: v128, scale: v128, xScale: v128, minimum: v128, xSum: v128, four: bool): void {
  let value = f32x4.mul(sums, f32x4.mul(scale, xScale));
  if (four) value = f32x4.add(value, f32x4.mul(minimum, xSum));
  v128.store(to, f32x4.add(v128.load(to), value));
}

/**
 * y [4, 8] += a tile of four rows · 8 rows of weights. Rows of y are 16 floats apart. `allNumbers`: the first step of those rows, with
 * `stride` bytes from block to block. `allScales`: their scales and minimums or sums, from `expandScales`.
 */
@inline
export function tileTimesRows(
  y: usize, tile: usize, allNumbers: usize, stride: i32, allScales: usize, four: bool, dots: Dots,
): void {
  const terms = load<i32>(tile);
  const ones = hiddenOnes(terms >> 31); // terms is never negative
  const tileScales = tileNumbersBytes(4);
  tile += HEAD_BYTES;
  for (const end = tile + <usize>(terms * termBytes(4)); tile < end;) {
    const block = load<i32>(tile + termBlock(4));
    const numbers = allNumbers + <usize>(block * stride), scales = allScales + <usize>(block * EXPANDED_SCALES_BYTES);
    let c00 = i32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
    const extra0 = v128.load(scales, 64), extra1 = v128.load(scales, 80); // minimums or sums
    if (!four) {
      const zeros = tile + tileScales + 16;
      let z = v128.load32_splat(zeros);
      c00 = startOf(extra0, z);
      c01 = startOf(extra1, z);
      z = v128.load32_splat(zeros, 4);
      c10 = startOf(extra0, z);
      c11 = startOf(extra1, z);
      z = v128.load32_splat(zeros, 8);
      c20 = startOf(extra0, z);
      c21 = startOf(extra1, z);
      z = v128.load32_splat(zeros, 12);
      c30 = startOf(extra0, z);
      c31 = startOf(extra1, z);
    }
    let w = numbers;
    for (const last = tile + tileScales; tile < last; tile += 16, w += STEP_BYTES) {
      const w0 = v128.load(w), w1 = v128.load(w, 16);
      let x = v128.load32_splat(tile);
      c00 = addDots(c00, w0, x, ones, dots);
      c01 = addDots(c01, w1, x, ones, dots);
      x = v128.load32_splat(tile, 4);
      c10 = addDots(c10, w0, x, ones, dots);
      c11 = addDots(c11, w1, x, ones, dots);
      x = v128.load32_splat(tile, 8);
      c20 = addDots(c20, w0, x, ones, dots);
      c21 = addDots(c21, w1, x, ones, dots);
      x = v128.load32_splat(tile, 12);
      c30 = addDots(c30, w0, x, ones, dots);
      c31 = addDots(c31, w1, x, ones, dots);
    }
    const scale0 = v128.load(scales), scale1 = v128.load(scales, 16);
    let xScale = v128.load32_splat(tile), xSum = v128.load32_splat(tile, 16);
    addBlock(y, sumsOf(c00, ones, dots), scale0, xScale, extra0, xSum, four);
    addBlock(y + 16, sumsOf(c01, ones, dots), scale1, xScale, extra1, xSum, four);
    xScale = v128.load32_splat(tile, 4);
    xSum = v128.load32_splat(tile, 20);
    addBlock(y + 64, sumsOf(c10, ones, dots), scale0, xScale, extra0, xSum, four);
    addBlock(y + 80, sumsOf(c11, ones, dots), scale1, xScale, extra1, xSum, four);
    xScale = v128.load32_splat(tile, 8);
    xSum = v128.load32_splat(tile, 24);
    addBlock(y + 128, sumsOf(c20, ones, dots), scale0, xScale, extra0, xSum, four);
    addBlock(y + 144, sumsOf(c21, ones, dots), scale1, xScale, extra1, xSum, four);
    xScale = v128.load32_splat(tile, 12);
    xSum = v128.load32_splat(tile, 28);
    addBlock(y + 192, sumsOf(c30, ones, dots), scale0, xScale, extra0, xSum, four);
    addBlock(y + 208, sumsOf(c31, ones, dots), scale1, xScale, extra1, xSum, four);
    tile += termBytes(4) - tileScales;
  }
}

/** y [16] += one row of x (a tile of one) · the group's rows of weights. */
@inline
export function rowTimesRows(y: usize, x: usize, group: usize, four: bool, dots: Dots): void {
  if (ASC_FEATURE_RELAXED_SIMD) rowTimesBytes(y, x, group, four, dots);
  else rowTimesWidened(y, x, group, four);
}

/** The relaxed build's. */
@inline
function rowTimesBytes(y: usize, x: usize, group: usize, four: bool, dots: Dots): void {
  const terms = load<i32>(x);
  const zero = terms >> 31; // terms is never negative
  const bits = halfBits(zero), gap = halfGap(zero);
  const low = lowHalves(zero), ones = hiddenOnes(zero);
  x += HEAD_BYTES;
  for (const end = x + <usize>(terms * termBytes(1)); x < end; x += termBytes(1)) {
    let weights = group + <usize>(load<i32>(x, ROW_BLOCK) * blockBytes(four));
    const scales = weights + numbersBytes(four);
    let c0 = i32x4.splat(0), c1 = c0, c2 = c0, c3 = c0;
    if (four) {
      for (let at = x; weights < scales; at += 4, weights += STEP_BYTES) {
        const w0 = v128.load(weights), w1 = v128.load(weights, 16), w2 = v128.load(weights, 32), w3 = v128.load(weights, 48);
        const x0 = v128.load32_splat(at), x1 = v128.load32_splat(at, 16);
        c0 = addDots(addDots(c0, v128.and(w0, low), x0, ones, dots), v128.and(i16x8.shr_u(w0, 4), low), x1, ones, dots);
        c1 = addDots(addDots(c1, v128.and(w1, low), x0, ones, dots), v128.and(i16x8.shr_u(w1, 4), low), x1, ones, dots);
        c2 = addDots(addDots(c2, v128.and(w2, low), x0, ones, dots), v128.and(i16x8.shr_u(w2, 4), low), x1, ones, dots);
        c3 = addDots(addDots(c3, v128.and(w3, low), x0, ones, dots), v128.and(i16x8.shr_u(w3, 4), low), x1, ones, dots);
      }
    } else {
      const z = v128.load32_splat(x, ROW_SUM);
      c0 = startOf(v128.load_ext<i16>(scales, 32), z);
      c1 = startOf(v128.load_ext<i16>(scales, 40), z);
      c2 = startOf(v128.load_ext<i16>(scales, 48), z);
      c3 = startOf(v128.load_ext<i16>(scales, 56), z);
      for (let at = x; weights < scales; at += 4, weights += STEP_BYTES) {
        const xs = v128.load32_splat(at);
        c0 = addDots(c0, v128.load(weights), xs, ones, dots);
        c1 = addDots(c1, v128.load(weights, 16), xs, ones, dots);
        c2 = addDots(c2, v128.load(weights, 32), xs, ones, dots);
        c3 = addDots(c3, v128.load(weights, 48), xs, ones, dots);
      }
    }
    addGroup(y, x, scales, sumsOf(c0, ones, dots), sumsOf(c1, ones, dots), sumsOf(c2, ones, dots), sumsOf(c3, ones, dots), bits, gap, four);
  }
}

/** The plain build's: weights are widened to 16 bits as they are read. A lane has two of a row's four columns until the end. */
@inline
function rowTimesWidened(y: usize, x: usize, group: usize, four: bool): void {
  const terms = load<i32>(x);
  const zero = terms >> 31; // terms is never negative
  const bits = halfBits(zero), gap = halfGap(zero), low = lowHalves(zero);
  x += HEAD_BYTES;
  for (const end = x + <usize>(terms * termBytes(1)); x < end; x += termBytes(1)) {
    let weights = group + <usize>(load<i32>(x, ROW_BLOCK) * blockBytes(four));
    const scales = weights + numbersBytes(four);
    let c0 = i32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
    for (let at = x; weights < scales; at += 8, weights += STEP_BYTES) {
      const xs = v128.load64_splat(at);
      if (four) {
        const xh = v128.load64_splat(at, 32);
        c0 = addNibbles(c0, v128.load_ext<u8>(weights), xs, xh, low);
        c1 = addNibbles(c1, v128.load_ext<u8>(weights, 8), xs, xh, low);
        c2 = addNibbles(c2, v128.load_ext<u8>(weights, 16), xs, xh, low);
        c3 = addNibbles(c3, v128.load_ext<u8>(weights, 24), xs, xh, low);
        c4 = addNibbles(c4, v128.load_ext<u8>(weights, 32), xs, xh, low);
        c5 = addNibbles(c5, v128.load_ext<u8>(weights, 40), xs, xh, low);
        c6 = addNibbles(c6, v128.load_ext<u8>(weights, 48), xs, xh, low);
        c7 = addNibbles(c7, v128.load_ext<u8>(weights, 56), xs, xh, low);
      } else {
        c0 = addDots(c0, v128.load_ext<i8>(weights), xs, xs, Dots.Fours);
        c1 = addDots(c1, v128.load_ext<i8>(weights, 8), xs, xs, Dots.Fours);
        c2 = addDots(c2, v128.load_ext<i8>(weights, 16), xs, xs, Dots.Fours);
        c3 = addDots(c3, v128.load_ext<i8>(weights, 24), xs, xs, Dots.Fours);
        c4 = addDots(c4, v128.load_ext<i8>(weights, 32), xs, xs, Dots.Fours);
        c5 = addDots(c5, v128.load_ext<i8>(weights, 40), xs, xs, Dots.Fours);
        c6 = addDots(c6, v128.load_ext<i8>(weights, 48), xs, xs, Dots.Fours);
        c7 = addDots(c7, v128.load_ext<i8>(weights, 56), xs, xs, Dots.Fours);
      }
    }
    c0 = addHalves(c0, c1);
    c2 = addHalves(c2, c3);
    c4 = addHalves(c4, c5);
    c6 = addHalves(c6, c7);
    if (!four) {
      const z = v128.load32_splat(x, ROW_SUM);
      c0 = i32x4.add(c0, startOf(v128.load_ext<i16>(scales, 32), z));
      c2 = i32x4.add(c2, startOf(v128.load_ext<i16>(scales, 40), z));
      c4 = i32x4.add(c4, startOf(v128.load_ext<i16>(scales, 48), z));
      c6 = i32x4.add(c6, startOf(v128.load_ext<i16>(scales, 56), z));
    }
    addGroup(y, x, scales, sumsOf(c0, c0, Dots.Fours), sumsOf(c2, c2, Dots.Fours), sumsOf(c4, c4, Dots.Fours), sumsOf(c6, c6, Dots.Fours), bits, gap, four);
  }
}

/** c + the low halves of eight bytes · x + their high halves · xHigh. Bytes are 16 bits wide. */
@inline
function addNibbles(c: v128, bytes: v128, x: v128, xHigh: v128, low: v128): v128 {
  c = addDots(c, v128.and(bytes, low), x, x, Dots.Fours);
  return addDots(c, i16x8.shr_u(bytes, 4), xHigh, x, Dots.Fours);
}

/** [a0 + a1, a2 + a3, b0 + b1, b2 + b3]. */
@inline
function addHalves(a: v128, b: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7));
}

/** Adds a block's sums of one row of x and the 16 rows of weights. */
@inline
function addGroup(
  y: usize, x: usize, scales: usize, c0: v128, c1: v128, c2: v128, c3: v128, bits: v128, gap: v128, four: bool,
): void {
  const xScale = v128.load32_splat(x, ROW_SCALE), xSum = v128.load32_splat(x, ROW_SUM);
  addQuarter(y, c0, scales, xScale, xSum, bits, gap, four);
  addQuarter(y + 16, c1, scales + 8, xScale, xSum, bits, gap, four);
  addQuarter(y + 32, c2, scales + 16, xScale, xSum, bits, gap, four);
  addQuarter(y + 48, c3, scales + 24, xScale, xSum, bits, gap, four);
}

@inline
function addQuarter(y: usize, c: v128, scales: usize, xScale: v128, xSum: v128, bits: v128, gap: v128, four: bool): void {
  const scale = widenFinite(v128.load_ext<i16>(scales), bits, gap);
  const minimum = four ? widenFinite(v128.load_ext<i16>(scales, 32), bits, gap) : scale;
  addBlock(y, c, scale, xScale, minimum, xSum, four);
}
