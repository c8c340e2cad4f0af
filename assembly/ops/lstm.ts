/**
 * A layer of LSTM (Hochreiter & Schmidhuber 1997; forget gates of Gers et al. 2000) over the tokens of a segment, forward and backward:
 *   z_t = x_t + h_{t−1} Uᵀ, [i f g o] = [σ σ tanh σ](z_t), c_t = f c_{t−1} + i g, h_t = o tanh(c_t).
 * x is the input's part of the gates, which linear.ts computes for all tokens at once.
 *
 * A unit is two panels of rows of the batch, for all tokens: U [4C, C] is packed once, and a token costs one product [rows, C] · [C, 4C].
 */
import { sigmoid, negativeExponentials } from "./elementwise";
import { multiplyPanels, packPanels, panelBytes, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from "./matmul";
import { hidden, loadPartial, scaleTo, storePartial } from "../base/simd";

/** The kernels' number of SiLU, whose exponent is that of the sigmoid. */
const SILU: i32 = 0;

/** Rows of a unit: two panels, so that what is read of U for a token serves twice as many rows. */
const UNIT_ROWS: i32 = 2 * TILE_ROWS;

/** Units of work for `rows` rows of a batch. */
export function lstm_units(rows: i32): i32 {
  return (rows + UNIT_ROWS - 1) / UNIT_ROWS;
}

/** Bytes of scratch for a hidden state of `width` floats. */
export function lstm_scratch_bytes(width: i32): i32 {
  const gates = 4 * width;
  const packed = max(panelBytes(gates, width, TILE_COLUMNS), panelBytes(width, gates, TILE_COLUMNS));
  return <i32>packed + <i32>panelBytes(UNIT_ROWS, gates, TILE_ROWS) + ((gates + 2 * UNIT_ROWS * width) << 2) + TILE_BYTES;
}

/**
 * out [B, T, C] = h; next and nextCell [B, C] are h and c after the last token. It keeps for the backward gates [B, T, 4C] = [i f g o],
 * tanhs [B, T, C] = tanh(c_t), and previous and cells [B, T, C] = h_{t−1} and c_{t−1}. x [B, T, 4C]; u [4C, C]; hidden0, cell0
 * [B, C]; `forget` is added to the forget gate's z. Units [from, to) of lstm_units(rows). `scratch`: lstm_scratch_bytes.
 */
export function lstm_forward(
  out: usize, gates: usize, tanhs: usize, previous: usize, cells: usize, next: usize, nextCell: usize,
  x: usize, u: usize, hidden0: usize, cell0: usize, forget: f32, rows: i32, segment: i32, width: i32,
  from: i32, to: i32, scratch: usize,
): void {
  const wide = 4 * width, bytes = <usize>width << 2;
  const packedState = scratch + panelBytes(wide, width, TILE_COLUMNS);
  const e = packedState + panelBytes(UNIT_ROWS, wide, TILE_ROWS), tile = e + (<usize>wide << 2);
  packPanels(scratch, u, wide, width, width, 1, TILE_COLUMNS);
  for (let unit = from; unit < to; unit++) {
    const first = unit * UNIT_ROWS, end = min(rows, first + UNIT_ROWS);
    for (let t = 0; t < segment; t++) {
      const token = <usize>(first * segment + t); // of the first row
      for (let row = first; row < end; row++) {
        const at = <usize>(row * segment + t), state = <usize>row * bytes;
        memory.copy(previous + at * bytes, t > 0 ? out + (at - 1) * bytes : hidden0 + state, bytes);
        if (t == 0) memory.copy(cells + at * bytes, cell0 + state, bytes);
        memory.copy(gates + 4 * at * bytes, x + 4 * at * bytes, 4 * bytes);
      }
      packPanels(packedState, previous + token * bytes, end - first, width, segment * width, 1, TILE_ROWS);
      multiplyPanels(
        gates + 4 * token * bytes, segment * wide, packedState, width, scratch, width, end - first, wide, width, true, tile,
      );
      for (let row = first; row < end; row++) {
        const at = <usize>(row * segment + t) * bytes;
        const last = t + 1 == segment, state = <usize>row * bytes;
        const cell = last ? nextCell + state : cells + at + bytes;
        advanceCell(out + at, cell, tanhs + at, gates + 4 * at, cells + at, e, forget, width);
        if (last) memory.copy(next + state, out + at, bytes);
      }
    }
  }
}

/** One token of one row: z becomes [i f g o]; writes h, c and tanh(c). `before` is c of the token before. `e`: room for 4C floats. */
function advanceCell(
  h: usize, c: usize, tanh: usize, z: usize, before: usize, e: usize, forget: f32, width: i32,
): void {
  const i = z, f = z + (<usize>width << 2), g = z + (<usize>width << 3), o = g + (<usize>width << 2);
  for (let k: usize = 0; k < <usize>width << 2; k += 4) store<f32>(f + k, load<f32>(f + k) + forget);
  squash(i, i, e, 1, 2 * width);
  squash(g, g, e, 2, width);
  squash(o, o, e, 1, width);
  for (let k: usize = 0; k < <usize>width << 2; k += 4) {
    store<f32>(c + k, load<f32>(f + k) * load<f32>(before + k) + load<f32>(i + k) * load<f32>(g + k));
  }
  squash(tanh, c, e, 2, width);
  for (let k: usize = 0; k < <usize>width << 2; k += 4) store<f32>(h + k, load<f32>(o + k) * load<f32>(tanh + k));
}

/** y = factor · σ(factor · x) − (factor − 1) over `n` floats: the sigmoid for 1, tanh for 2. y may be x. `e`: room for n floats. */
function squash(y: usize, x: usize, e: usize, factor: f32, n: i32): void {
  scaleTo(y, x, factor, n);
  negativeExponentials(e, y, SILU, n);
  const zero = n >> 31; // n is never negative
  const one = hidden(1, zero), height = hidden(factor, zero), depth = hidden(factor - 1, zero);
  for (const end = y + (<usize>(n & ~3) << 2); y < end; y += 16, e += 16) {
    v128.store(y, f32x4.sub(f32x4.mul(height, sigmoid(v128.load(e), one)), depth));
  }
  const tail = n & 3;
  if (tail) storePartial(y, f32x4.sub(f32x4.mul(height, sigmoid(loadPartial(e, tail, 0), one)), depth), tail);
}

/**
 * dz [B, T, 4C], the gradient of every z_t, from dout [B, T, C] and what the forward kept. The state before the segment is a constant.
 * Units [from, to) of lstm_units(rows). `scratch`: lstm_scratch_bytes.
 */
export function lstm_backward(
  dz: usize, dout: usize, gates: usize, tanhs: usize, cells: usize, u: usize, rows: i32, segment: i32, width: i32,
  from: i32, to: i32, scratch: usize,
): void {
  const wide = 4 * width, bytes = <usize>width << 2;
  const packedGates = scratch + panelBytes(width, wide, TILE_COLUMNS);
  const tile = packedGates + panelBytes(UNIT_ROWS, wide, TILE_ROWS);
  const dh = tile + TILE_BYTES, dc = dh + UNIT_ROWS * bytes; // from the token behind, a row for each row
  packPanels(scratch, u, width, wide, 1, width, TILE_COLUMNS);
  for (let unit = from; unit < to; unit++) {
    const first = unit * UNIT_ROWS, count = min(rows - first, UNIT_ROWS);
    memory.fill(dh, 0, 2 * UNIT_ROWS * bytes);
    for (let t = segment - 1; t >= 0; t--) {
      for (let row = 0; row < count; row++) {
        const at = <usize>((first + row) * segment + t) * bytes, own = <usize>row * bytes;
        retreatCell(dz + 4 * at, dh + own, dc + own, dout + at, gates + 4 * at, tanhs + at, cells + at, width);
      }
      const token = <usize>(first * segment + t) * bytes;
      packPanels(packedGates, dz + 4 * token, count, wide, segment * wide, 1, TILE_ROWS);
      multiplyPanels(dh, width, packedGates, wide, scratch, wide, count, width, wide, false, tile);
    }
  }
}

/** One token of one row: dz, and in place the gradient of c_t → that of c_{t−1}. */
function retreatCell(
  dz: usize, dh: usize, dc: usize, dout: usize, gates: usize, tanh: usize, before: usize, width: i32,
): void {
  const step = <usize>width << 2;
  for (let k: usize = 0; k < step; k += 4) {
    const at = gates + k, to = dz + k;
    const i = load<f32>(at), f = load<f32>(at + step), g = load<f32>(at + 2 * step), o = load<f32>(at + 3 * step);
    const height = load<f32>(tanh + k), pull = load<f32>(dout + k) + load<f32>(dh + k);
    const cell = load<f32>(dc + k) + pull * o * (1 - height * height);
    store<f32>(to, cell * g * i * (1 - i));
    store<f32>(to + step, cell * load<f32>(before + k) * f * (1 - f));
    store<f32>(to + 2 * step, cell * i * (1 - g * g));
    store<f32>(to + 3 * step, pull * height * o * (1 - o));
    store<f32>(dc + k, cell * f);
  }
}
