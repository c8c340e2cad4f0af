/**
 * Vectors as small integers, for scans that read a half or a quarter of the bytes: rounding, layout, and a bound on the error of
 * the inner product of two rounded vectors.
 *
 * A vector x of at most unit length becomes integers x̃ ≈ scale · x, with residual r = scale · x − x̃. For a query q (scale A)
 * and a key k (scale B), by Cauchy and Schwarz,
 *   |A·B·(q·k) − q̃·k̃| ≤ ‖q̃‖ ‖r_k‖ + ‖r_q‖ B‖k‖,
 * so a margin of each key (the first term) and one of each query (the second) bound the error of every pair.
 *
 * The relaxed build has 8-bit integers: keys in −64…63, queries in −127…127, sums in 16 bits, which cannot overflow because
 * A·B stays below 2¹⁵. Before rounding, vectors are rotated by random signs and a Hadamard transform: inner products stay,
 * while outlying components, which would be cut off, are spread over all. The plain build has 16-bit integers and 32-bit
 * sums and does not need a rotation. This file packs; quantised.ts scans.
 */
import { Contest } from "./contenders";
import { floatsAt, storedBytes } from "../base/half";
import { dot } from "../base/vectors";

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
const LEAST_KEY: i32 = ASC_FEATURE_RELAXED_SIMD ? -64 : -32767;
const MOST_KEY: i32 = ASC_FEATURE_RELAXED_SIMD ? 63 : 32767;
const MOST_QUERY: i32 = ASC_FEATURE_RELAXED_SIMD ? 127 : 32767;
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

/** Components of a rounded vector: a power of two for the rotation, or even for pairs of 16 bits. */
export function quantised_width(width: i32): i32 {
  if (!ASC_FEATURE_RELAXED_SIMD) return (width + 1) & ~1;
  let padded = 2;
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

/**
 * Rounds the keys of slots slot, slot + 1, … (modulo `capacity`) of every head of one row: keys [H, capacity, D] as stored →
 * panels [H][capacity / PANEL_KEYS][width / 2][PANEL_KEYS][2] and, after each head's panels, margins (i16 or i32) [capacity].
 * Returns one more than the place of the last key that is longer than 1, for which the bounds do not hold; 0 if all are short
 * enough. `scratch`: quantised_width floats.
 */
export function quantise_keys(
  panels: usize, keys: usize, slot: i32, count: i32, heads: i32, width: i32, capacity: i32, float16: bool, scratch: usize,
): i32 {
  const padded = quantised_width(width);
  const headBytes = quantisedHeadBytes(capacity, width);
  const margins = headBytes - <usize>((capacity + PANEL_KEYS - 1) / PANEL_KEYS * PANEL_KEYS * MARGIN_BYTES);
  const ringBytes = storedBytes(<usize>capacity * width, float16);
  const largestQuery: f32 = queryScale(padded) * UNIT + mostRounding(padded);
  let unbounded = 0;
  for (let head = 0; head < heads; head++, panels += headBytes, keys += ringBytes) {
    let at = slot;
    for (let n = 0; n < count; n++) {
      const key = floatsAt(keys, <usize>at * width, width, float16, scratch);
      if (!(dot(key, key, width) <= UNIT)) unbounded = max(unbounded, n + 1);
      rotate(scratch, key, width, padded);
      const residual = storeKey(panels, at, scratch, padded);
      storeMargin(panels + margins, at, <i32>ceil<f32>(residual * largestQuery) + 1);
      if (++at == capacity) at = 0;
    }
  }
  return unbounded;
}

@inline
function storeMargin(margins: usize, slot: i32, margin: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD) store<i16>(margins + (slot << 1), <i16>min(margin, i16.MAX_VALUE));
  else store<i32>(margins + (slot << 2), margin);
}

/** Writes one rounded key into its panel; returns the norm of the residual. */
function storeKey(panels: usize, slot: i32, x: usize, padded: i32): f32 {
  const panelBytes = <usize>(PANEL_KEYS * padded * COMPONENT_BYTES);
  let y = panels + <usize>(slot / PANEL_KEYS) * panelBytes + (slot % PANEL_KEYS << 1) * COMPONENT_BYTES;
  let squares: f32 = 0;
  for (let d = 0; d < padded; d += 2, y += PANEL_KEYS * 2 * COMPONENT_BYTES) {
    for (let pair = 0; pair < 2; pair++) {
      const scaled: f32 = load<f32>(x + ((d + pair) << 2)) * KEY_SCALE;
      const rounded = roundWithin(scaled, LEAST_KEY, MOST_KEY);
      const residual: f32 = scaled - <f32>rounded;
      squares += residual * residual;
      storeComponent(y + pair * COMPONENT_BYTES, ASC_FEATURE_RELAXED_SIMD ? rounded + KEY_OFFSET : rounded);
    }
  }
  return sqrt<f32>(squares);
}

/**
 * Rounds the query of a contest into lane `lane` of its tile, [width / 2][PANEL_QUERIES][2], scaled to unit length. Stores the
 * start of its sums, which takes the offset of 8-bit keys away, at `start` (i32), and the contest's score scale and margin. Returns
 * false for a query of length 0. `scratch`: quantised_width floats.
 */
export function quantiseQuery(tile: usize, lane: i32, start: usize, contest: Contest, width: i32, scratch: usize): bool {
  const query = contest.query;
  const padded = quantised_width(width);
  const norm: f32 = sqrt<f32>(dot(query, query, width));
  rotate(scratch, query, width, padded);
  const a = queryScale(padded);
  const scale: f32 = norm > 0 ? a / norm : 0;
  let squares: f32 = 0, sum = 0;
  let y = tile + (lane << 1) * COMPONENT_BYTES;
  for (let d = 0; d < padded; d += 2, y += PANEL_QUERIES * 2 * COMPONENT_BYTES) {
    for (let pair = 0; pair < 2; pair++) {
      const scaled: f32 = load<f32>(scratch + ((d + pair) << 2)) * scale;
      const rounded = roundWithin(scaled, -MOST_QUERY, MOST_QUERY);
      const residual: f32 = scaled - <f32>rounded;
      squares += residual * residual;
      sum += rounded;
      storeComponent(y + pair * COMPONENT_BYTES, rounded);
    }
  }
  store<i32>(start, ASC_FEATURE_RELAXED_SIMD ? -KEY_OFFSET * sum : 0);
  const rounding: f32 = a * KEY_SCALE * F32_ERROR * <f32>(padded + 16);
  contest.margin = <i32>ceil<f32>(sqrt<f32>(squares) * (KEY_SCALE * UNIT) + rounding) + 1;
  contest.scoreScale = <f64>scale * <f64>KEY_SCALE;
  return norm > 0 && norm <= f32.MAX_VALUE;
}

@inline
function storeComponent(y: usize, value: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD) store<i8>(y, <i8>value);
  else store<i16>(y, <i16>value);
}

@inline
function roundWithin(x: f32, least: i32, most: i32): i32 {
  return min(max(<i32>floor<f32>(x + 0.5), least), most);
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
  const factor: f32 = 1 / sqrt<f32>(<f32>padded);
  for (let d = 0; d < padded; d++) {
    const sign: f32 = (<u32>(d + 1) * 0x9e3779b1) >> 31 ? -factor : factor;
    store<f32>(y + (d << 2), d < width ? load<f32>(x + (d << 2)) * sign : 0);
  }
  for (let distance = 1; distance < padded; distance <<= 1) {
    for (let block = 0; block < padded; block += distance << 1) butterflies(y + (block << 2), distance);
  }
}

/** (a, b) → (a + b, a − b) for `distance` pairs that are `distance` floats apart. */
function butterflies(y: usize, distance: i32): void {
  const bytes = <usize>distance << 2;
  const end = y + bytes;
  if (distance >= 4) {
    for (; y < end; y += 16) {
      const a = v128.load(y), b = v128.load(y + bytes);
      v128.store(y, f32x4.add(a, b));
      v128.store(y + bytes, f32x4.sub(a, b));
    }
    return;
  }
  for (; y < end; y += 4) {
    const a = load<f32>(y), b = load<f32>(y + bytes);
    store<f32>(y, a + b);
    store<f32>(y + bytes, a - b);
  }
}
