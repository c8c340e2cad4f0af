/**
 * Vectors as small integers, for scans that read a half or a quarter of the bytes: rounding, layout, and a bound on the error of
 * the inner product of two rounded vectors.
 *
 * A vector x of at most unit length becomes integers x̃ ≈ scale · x, with residual r = scale · x − x̃. For a query q (scale A)
 * and a key k (scale B), by Cauchy and Schwarz,
 *   |A·B·(q·k) − q̃·k̃| ≤ ‖q̃‖ ‖r_k‖ + ‖r_q‖ B‖k‖,
 * so a margin of each key (the first term) and one of each query (the second) bound the error of every pair.
 *
 * Keys of any length are brought to unit length first, by a frame of their head: k′ = f (k − c), with a centre c, since keys of a
 * trained model have much in common, and factors f of each component, since a few of them may be huge. With q′ = q / f,
 *   q·k = q′·k′ + q·c,
 * so the order of keys stays, and a bar for q·k is one for q′·k′. Factors round by f32, which F32_ERROR covers.
 *
 * The relaxed build has 8-bit integers: keys in −64…63, queries in −127…127, sums in 16 bits, which cannot overflow because
 * A·B stays below 2¹⁵. Before rounding, vectors are rotated by random signs and a Hadamard transform: inner products stay,
 * while outlying components, which would be cut off, are spread over all. The plain build has 16-bit integers and 32-bit
 * sums and does not need a rotation. This file packs; quantised.ts scans.
 */
import { Contest } from "./contenders";
import { floatsAt, storedBytes } from "../base/storage";
import { dot, hidden, hiddenInteger, loadPartial, sumLanes } from "../base/simd";

/** Keys side by side in a panel: those that one tile of a scan covers. */
export const PANEL_KEYS: i32 = ASC_FEATURE_RELAXED_SIMD ? 16 : 8;
/** Queries side by side in a tile. */
export const PANEL_QUERIES: i32 = 4;
/** Bytes of one rounded component. */
export const COMPONENT_BYTES: i32 = ASC_FEATURE_RELAXED_SIMD ? 1 : 2;
/** Bytes of one margin: those of a sum. */
export const MARGIN_BYTES: i32 = ASC_FEATURE_RELAXED_SIMD ? 2 : 4;
/** B of the bound above. */
const KEY_SCALE: f32 = ASC_FEATURE_RELAXED_SIMD ? 144 : 32000;
const LEAST_KEY: f32 = ASC_FEATURE_RELAXED_SIMD ? -64 : -32767;
const MOST_KEY: f32 = ASC_FEATURE_RELAXED_SIMD ? 63 : 32767;
const MOST_QUERY: f32 = ASC_FEATURE_RELAXED_SIMD ? 127 : 32767;
/** Added to 8-bit keys, since the dot instruction wants its second operand in 0…127. */
const KEY_OFFSET: i32 = 64;
/** Lengths up to this count as unit length; rounding a normalised vector, even to halves, (1 + 2⁻¹¹)², stays below it. */
const UNIT: f32 = 1.0011;
/** An upper bound on the error per component of f32 sums of unit vectors. */
const F32_ERROR: f32 = 1.2e-7;

/** The most that rounding can add to the length of a vector of `width` components: 0.5 each. */
@inline
function mostRounding(width: i32): f32 {
  return sqrt<f32>(<f32>width) * 0.5;
}

/** A. With 8 bits, the largest that 16-bit sums allow: (A + rounding)(B + rounding) < 2¹⁵. */
@inline
function queryScale(width: i32): f32 {
  if (!ASC_FEATURE_RELAXED_SIMD) return 32000;
  return floor<f32>(32760 / (KEY_SCALE * UNIT + mostRounding(width)) - mostRounding(width));
}

/** Floats of a head's frame: the factors of keys, those of queries, the centre [width] each, and the longest f k. */
export function frame_floats(width: i32): i32 {
  return 3 * width + 1;
}

/** y = f (x − c) [width], or f x without a centre. */
function intoFrame(y: usize, x: usize, factors: usize, centre: usize, width: i32): void {
  for (let d: usize = 0, end = <usize>width << 2; d < end; d += 4) {
    const from = centre ? load<f32>(x + d) - load<f32>(centre + d) : load<f32>(x + d);
    store<f32>(y + d, from * load<f32>(factors + d));
  }
}

/** Components of a rounded vector: a multiple of four, and for the rotation a power of two. */
export function quantised_width(width: i32): i32 {
  if (!ASC_FEATURE_RELAXED_SIMD) return (width + 3) & ~3;
  let padded = 4;
  while (padded < width) padded <<= 1;
  return padded;
}

/** Keys that share a panel. */
export function quantised_panel_keys(): i32 {
  return PANEL_KEYS;
}

/** Bytes of one panel of rounded keys and of their margins. */
export function quantised_panel_bytes(width: i32): i32 {
  return PANEL_KEYS * (quantised_width(width) * COMPONENT_BYTES + MARGIN_BYTES);
}

/** Bytes of one head's rounded keys and their margins, in whole panels. */
export function quantisedHeadBytes(capacity: i32, width: i32): usize {
  return <usize>((capacity + PANEL_KEYS - 1) / PANEL_KEYS) * quantised_panel_bytes(width);
}

/** Keys that one unit of quantise_keys rounds. */
const KEYS_OF_UNIT: i32 = 64;

/** Units of rounding `count` keys of each of `heads` heads. */
export function quantise_units(count: i32, heads: i32): i32 {
  return heads * ((count + KEYS_OF_UNIT - 1) / KEYS_OF_UNIT);
}

/**
 * Rounds the keys of slots slot, slot + 1, … (modulo `capacity`) of every head of one row: keys [H, capacity, D] as stored →
 * panels [H][capacity / PANEL_KEYS][width / 2][PANEL_KEYS][2] and, after each head's panels, margins (i16 or i32) [capacity].
 * unbounded [units] (i32) gets one more than the place, 0 … count − 1, of the unit's last key that is longer than 1 in its frame, for
 * which the bounds do not hold; 0 if all are short enough. frames [H, frame_floats], or 0: keys are taken as they are. Units [from, to) of quantise_units are rounded. `scratch`: quantised_width floats.
 */
export function quantise_keys(
  panels: usize, unbounded: usize, keys: usize, frames: usize, slot: i32, count: i32, heads: i32, width: i32, capacity: i32, float16: bool,
  from: i32, to: i32, scratch: usize,
): void {
  const units = quantise_units(count, 1), headBytes = quantisedHeadBytes(capacity, width);
  const ringBytes = storedBytes(<usize>capacity * width, float16);
  for (let unit = from; unit < to; unit++) {
    const head = unit / units, first = unit % units * KEYS_OF_UNIT, end = min(first + KEYS_OF_UNIT, count);
    const ring = keys + head * ringBytes, packed = panels + head * headBytes;
    const frame = frames ? frames + (<usize>(head * frame_floats(width)) << 2) : 0;
    store<i32>(unbounded + (unit << 2), quantiseSome(packed, ring, frame, slot, first, end, width, capacity, float16, scratch));
  }
}

/** Rounds the keys of places [first, end) of one head, from `slot` on, and returns what quantise_keys does of them. */
function quantiseSome(
  panels: usize, keys: usize, frame: usize, slot: i32, first: i32, end: i32, width: i32, capacity: i32, float16: bool, scratch: usize,
): i32 {
  const padded = quantised_width(width), panelBytes = <usize>(PANEL_KEYS * padded * COMPONENT_BYTES);
  const margins = panels + <usize>((capacity + PANEL_KEYS - 1) / PANEL_KEYS) * panelBytes;
  const largestQuery: f32 = queryScale(padded) * UNIT + mostRounding(padded);
  let unbounded = 0;
  for (let n = first; n < end; n++) {
    const at = slot + n < capacity ? slot + n : slot + n - capacity;
    let key = floatsAt(keys, <usize>at * width, width, float16, scratch);
    if (frame) {
      intoFrame(scratch, key, frame, frame + (<usize>width << 3), width);
      key = scratch;
    }
    if (!(dot(key, key, width) <= UNIT)) unbounded = n + 1;
    rotate(scratch, key, width, padded);
    const lane = panels + <usize>(at / PANEL_KEYS) * panelBytes + (at % PANEL_KEYS << 1) * COMPONENT_BYTES;
    const offset = ASC_FEATURE_RELAXED_SIMD ? KEY_OFFSET : 0;
    const sums = storeRounded(lane, PANEL_KEYS, scratch, KEY_SCALE, LEAST_KEY, MOST_KEY, offset, padded);
    storeMargin(margins, at, <i32>ceil<f32>(sqrt<f32>(f32x4.extract_lane(sums, 0)) * largestQuery) + 1);
  }
  return unbounded;
}

@inline
function storeMargin(margins: usize, slot: i32, margin: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD) store<i16>(margins + (slot << 1), <i16>min(margin, i16.MAX_VALUE));
  else store<i32>(margins + (slot << 2), margin);
}

/** 1.5 · 2²³: adding it to a small number rounds that to the nearest integer, which the low bits of the sum hold. */
const ROUNDER: f32 = 12582912;

/**
 * Rounds scale · x [padded] to integers from `least` to `most`, and stores them plus `offset` in one of `lanes` lanes: two
 * components, then those of the other lanes. Returns Σ residual² in lane 0 and Σ rounded in lane 1.
 */
function storeRounded(to: usize, lanes: i32, x: usize, scale: f32, least: f32, most: f32, offset: i32, padded: i32): v128 {
  const zero = padded >> 31; // padded is never negative
  const factor = hidden(scale, zero), low = hidden(least, zero), high = hidden(most, zero), rounder = hidden(ROUNDER, zero);
  const base = i32x4.sub(rounder, hiddenInteger(offset, zero));
  const step = <usize>(lanes * 2 * COMPONENT_BYTES);
  let squares = f32x4.splat(0), sum = squares;
  for (const end = x + (<usize>padded << 2); x < end; x += 16, to += 2 * step) {
    const scaled = f32x4.mul(v128.load(x), factor);
    const biased = f32x4.add(f32x4.pmin(f32x4.pmax(scaled, low), high), rounder);
    const rounded = f32x4.sub(biased, rounder), residual = f32x4.sub(scaled, rounded);
    squares = f32x4.add(squares, f32x4.mul(residual, residual));
    sum = f32x4.add(sum, rounded);
    storePairs(to, step, i32x4.sub(biased, base));
  }
  return f32x4.replace_lane(f32x4.splat(sumLanes(squares)), 1, sumLanes(sum));
}

/** Stores four integers as two pairs of components, `step` bytes apart. */
@inline
function storePairs(to: usize, step: usize, integers: v128): void {
  const narrow = i16x8.narrow_i32x4_s(integers, integers);
  if (ASC_FEATURE_RELAXED_SIMD) {
    const bytes = i8x16.narrow_i16x8_s(narrow, narrow);
    v128.store_lane<i16>(to, bytes, 0);
    v128.store_lane<i16>(to + step, bytes, 1);
  } else {
    v128.store_lane<i32>(to, narrow, 0);
    v128.store_lane<i32>(to + step, narrow, 1);
  }
}

/**
 * Rounds the query of a contest into lane `lane` of its tile, [width / 2][PANEL_QUERIES][2], scaled to unit length. Stores the
 * start of its sums, which takes the offset of 8-bit keys away, at `start` (i32), and the contest's score scale, centre and margin.
 * Returns false for a query of length 0. `frame` is that of the keys, or 0; `scratch`: quantised_width floats.
 */
export function quantiseQuery(
  tile: usize, lane: i32, start: usize, contest: Contest, frame: usize, width: i32, scratch: usize,
): bool {
  let query = contest.query, longest: f32 = 1;
  contest.centre = 0;
  if (frame) {
    const bytes = <usize>width << 2;
    longest = max<f32>(1, load<f32>(frame + 3 * bytes));
    contest.centre = product(query, frame + 2 * bytes, width);
    intoFrame(scratch, query, frame + bytes, 0, width);
    query = scratch;
  }
  const padded = quantised_width(width);
  const norm: f32 = sqrt<f32>(dot(query, query, width));
  rotate(scratch, query, width, padded);
  const a = queryScale(padded);
  const scale: f32 = norm > 0 ? a / norm : 0;
  const lanes = tile + (lane << 1) * COMPONENT_BYTES;
  const sums = storeRounded(lanes, PANEL_QUERIES, scratch, scale, -MOST_QUERY, MOST_QUERY, 0, padded);
  store<i32>(start, ASC_FEATURE_RELAXED_SIMD ? -KEY_OFFSET * <i32>f32x4.extract_lane(sums, 1) : 0);
  const rounding: f32 = a * KEY_SCALE * F32_ERROR * <f32>(padded + 16) * longest;
  contest.margin = <i32>ceil<f32>(sqrt<f32>(f32x4.extract_lane(sums, 0)) * (KEY_SCALE * UNIT) + rounding) + 1;
  contest.scoreScale = <f64>scale * <f64>KEY_SCALE;
  return norm > 0 && norm <= f32.MAX_VALUE;
}

/** Σ x y, in double precision. */
function product(x: usize, y: usize, width: i32): f64 {
  let sum: f64 = 0;
  for (let d: usize = 0, end = <usize>width << 2; d < end; d += 4) sum += <f64>load<f32>(x + d) * <f64>load<f32>(y + d);
  return sum;
}

/**
 * y = x, padded with zeros; in the relaxed build rotated: y = H (± x) / √padded, with H the Hadamard matrix and signs from a
 * fixed hash of the component's number. y may be x.
 */
function rotate(y: usize, x: usize, width: i32, padded: i32): void {
  if (!ASC_FEATURE_RELAXED_SIMD) {
    memory.copy(y, x, <usize>width << 2);
    memory.fill(y + (width << 2), 0, <usize>(padded - width) << 2);
    return;
  }
  const zero = padded >> 31; // padded is never negative
  const factor = f32x4.splat(1 / sqrt<f32>(<f32>padded));
  const hash = hiddenInteger(0x9e3779b1, zero), negative = hiddenInteger(i32.MIN_VALUE, zero), four = hiddenInteger(4, zero);
  const odd = v128.and(negative, i32x4(0, -1, 0, -1)), upper = v128.and(negative, i32x4(0, 0, -1, -1));
  let numbers = i32x4(1, 2, 3, 4);
  for (let d = 0; d < padded; d += 4) {
    const at = <usize>d << 2;
    const here = d + 4 <= width ? v128.load(x + at) : loadPartial(x + at, max(width - d, 0), 0);
    const signed = v128.xor(f32x4.mul(here, factor), v128.and(i32x4.mul(numbers, hash), negative));
    v128.store(y + at, rotateFour(signed, odd, upper));
    numbers = i32x4.add(numbers, four);
  }
  let distance = 4;
  for (; distance << 2 <= padded; distance <<= 2) butterfliesTwice(y, distance, padded);
  if (distance < padded) butterflies(y, distance);
}

/** The butterflies of distances 1 and 2; `odd` and `upper` are the signs of lanes 1, 3 and of lanes 2, 3. */
@inline
function rotateFour(x: v128, odd: v128, upper: v128): v128 {
  x = f32x4.add(v128.shuffle<f32>(x, x, 1, 0, 3, 2), v128.xor(x, odd));
  return f32x4.add(v128.shuffle<f32>(x, x, 2, 3, 0, 1), v128.xor(x, upper));
}

/** (a, b) → (a + b, a − b) for `distance` pairs, a multiple of four, that are `distance` floats apart. */
function butterflies(y: usize, distance: i32): void {
  const bytes = <usize>distance << 2;
  for (const end = y + bytes; y < end; y += 16) {
    const a = v128.load(y), b = v128.load(y + bytes);
    v128.store(y, f32x4.add(a, b));
    v128.store(y + bytes, f32x4.sub(a, b));
  }
}

/** The butterflies of `distance` and of twice that, in one pass over y [padded]. */
function butterfliesTwice(y: usize, distance: i32, padded: i32): void {
  const bytes = <usize>distance << 2;
  for (const end = y + (<usize>padded << 2); y < end; y += 3 * bytes) {
    for (const next = y + bytes; y < next; y += 16) {
      const a = v128.load(y), b = v128.load(y + bytes), c = v128.load(y + 2 * bytes), d = v128.load(y + 3 * bytes);
      const ab = f32x4.add(a, b), cd = f32x4.add(c, d), aLess = f32x4.sub(a, b), cLess = f32x4.sub(c, d);
      v128.store(y, f32x4.add(ab, cd));
      v128.store(y + bytes, f32x4.add(aLess, cLess));
      v128.store(y + 2 * bytes, f32x4.sub(ab, cd));
      v128.store(y + 3 * bytes, f32x4.sub(aLess, cLess));
    }
  }
}
