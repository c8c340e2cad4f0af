/**
 * Floats to weights in blocks (blocks.ts) and back. A weight's q is the nearest to (weight − minimum) / scale. Scales that a file
 * has are kept, as halves, so blocks of whole numbers in files become the same whole numbers here.
 */
import { packHalf } from "../base/storage";
import { BLOCK, blockBytes, GROUP_ROWS, groupBytes, halfAt, numbersBytes } from "./blocks";

/** The largest half. */
const MOST_HALF: f32 = 65504;

/**
 * Packs rows [first, first + count) = x [count, width]. `scales` and `minimums` [count, blocks] are those to use, floats that halves
 * can hold, if `given`, else they are room for those that are chosen. Groups must be zero before. Returns false if a weight is not
 * finite, or so large that its scale or minimum is not a half.
 */
export function pack_blocks(
  weights: usize, first: i32, x: usize, count: i32, width: i32, four: bool, scales: usize, minimums: usize, given: bool,
): bool {
  const bytes = groupBytes(width, four);
  for (let row = first; row < first + count; row++) {
    let block = weights + <usize>(row / GROUP_ROWS) * bytes;
    const lane = row % GROUP_ROWS;
    for (let columns = width; columns > 0; columns -= BLOCK, scales += 4, minimums += 4) {
      const present = min(BLOCK, columns);
      if (!given) choose(scales, minimums, x, present, four);
      const at = scaleAt(block, lane, four);
      packHalf(at, scales, 1);
      if (four) packHalf(at + 2 * GROUP_ROWS, minimums, 1);
      if (!fits(load<f32>(scales)) || four && !fits(load<f32>(minimums))) return false;
      packRow(block, lane, x, present, four);
      block += blockBytes(four);
      x += present << 2;
    }
  }
  return true;
}

/** Where a block has the scale of a row; its minimum, or its sum, is 2 · GROUP_ROWS bytes further. */
@inline
function scaleAt(block: usize, lane: i32, four: bool): usize {
  return block + numbersBytes(four) + (lane << 1);
}

/** The scale and minimum that spread q over its range. */
function choose(scale: usize, minimum: usize, x: usize, count: i32, four: bool): void {
  let low = load<f32>(x), high = low;
  for (const end = x + (count << 2); x < end; x += 4) {
    low = min<f32>(low, load<f32>(x));
    high = max<f32>(high, load<f32>(x));
  }
  store<f32>(scale, four ? (high - low) / 15 : max<f32>(high, -low) / 127);
  store<f32>(minimum, low);
}

/** Whether a number is finite and not too large for a half. */
@inline
function fits(x: f32): bool {
  return abs<f32>(x) <= MOST_HALF;
}

/** Stores q of one row of a block, and −Σ q. */
function packRow(block: usize, row: i32, x: usize, count: i32, four: bool): void {
  const at = scaleAt(block, row, four);
  const scale = halfAt(at), minimum: f32 = four ? halfAt(at + 2 * GROUP_ROWS) : 0;
  let sum = 0;
  for (let c = 0; c < count; c++) {
    const weight = load<f32>(x + (c << 2));
    const q = scale == 0 ? 0 : <i32>nearest<f32>((weight - minimum) / scale);
    const within = four ? min(max(q, 0), 15) : min(max(q, -128), 127);
    sum += within;
    const to = block + numberPlace(row, c, four);
    if (!four) store<i8>(to, <i8>within);
    else store<u8>(to, load<u8>(to) | <u8>(c < BLOCK / 2 ? within : within << 4));
  }
  if (!four) store<i16>(at + 2 * GROUP_ROWS, <i16>-sum);
}

/** Place of column `c` of a row in a block. */
@inline
function numberPlace(row: i32, c: i32, four: bool): i32 {
  const column = four ? c & (BLOCK / 2 - 1) : c;
  return (column >> 2) * (GROUP_ROWS << 2) + (row << 2) + (column & 3);
}

/** y [n, width] = rows of the weights, widened. Row numbers are taken to be in range. */
export function unpack_blocks(y: usize, weights: usize, rows: usize, n: i32, width: i32, four: bool): void {
  for (const end = rows + (<usize>n << 2); rows < end; rows += 4, y += <usize>width << 2) {
    unpackRow(y, weights, load<i32>(rows), width, four);
  }
}

function unpackRow(y: usize, weights: usize, row: i32, width: i32, four: bool): void {
  let block = weights + <usize>(row / GROUP_ROWS) * groupBytes(width, four);
  const lane = row % GROUP_ROWS;
  for (let from = 0; from < width; from += BLOCK, block += blockBytes(four)) {
    const at = scaleAt(block, lane, four);
    const scale = halfAt(at), minimum: f32 = four ? halfAt(at + 2 * GROUP_ROWS) : 0;
    for (let c = 0; c < min(BLOCK, width - from); c++, y += 4) {
      const place = block + numberPlace(lane, c, four);
      const q = !four ? <i32>load<i8>(place) : c < BLOCK / 2 ? load<u8>(place) & 15 : load<u8>(place) >> 4;
      store<f32>(y, <f32>q * scale + minimum);
    }
  }
}
