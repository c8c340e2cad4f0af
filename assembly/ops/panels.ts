/**
 * Matrices packed into panels, so that the inner loop of a product (tile.ts) reads its operands straight through.
 */

/**
 * Packs a matrix of `lanes` × `depth` into panels of `width` lanes, [lanes / width][depth][width]; missing lanes are 0.
 * A row of A is a lane (TILE_ROWS wide), a column of B is a lane (TILE_COLUMNS wide). Strides in floats.
 */
export function packPanels(
  to: usize, from: usize, lanes: i32, depth: i32, laneStride: i32, depthStride: i32, width: i32,
): void {
  const panelBytes = <usize>(depth * width) << 2;
  const laneBytes = <usize>laneStride << 2, depthBytes = <usize>depthStride << 2;
  const whole = lanes / width;
  if (laneStride == 1) packNeighbours(to, from, whole, depth, depthBytes, width);
  for (let i = 0; i < whole; i++, to += panelBytes, from += <usize>width * laneBytes) {
    if (laneStride != 1) packDistant(to, from, depth, laneBytes, depthBytes, width);
  }
  if (whole * width < lanes) packSome(to, from, lanes - whole * width, depth, laneBytes, depthBytes, width);
}

/** Depths that are packed for all panels before the next ones. */
const DEPTHS: i32 = 8;

/**
 * Whole panels of lanes that are neighbours in memory, a few rows of the matrix at a time. Rows are often a power of two apart and
 * so share few sets of the cache: of many rows, none would stay until the next panel needs the rest of its line.
 */
function packNeighbours(to: usize, from: usize, panels: i32, depth: i32, depthBytes: usize, width: i32): void {
  const step = <usize>width << 2, panelBytes = <usize>depth * step;
  for (; depth > 0; depth -= DEPTHS, to += DEPTHS * step, from += DEPTHS * depthBytes) {
    const bytes = <usize>min(DEPTHS, depth) * step;
    for (let i = 0, panel = to, column = from; i < panels; i++, panel += panelBytes, column += step) {
      for (let at = panel, row = column; at < panel + bytes; at += step, row += depthBytes) {
        v128.store(at, v128.load(row));
        if (width == 8) v128.store(at, v128.load(row, 16), 16);
        else if (width == 6) store<u64>(at, load<u64>(row, 16), 16);
      }
    }
  }
}

/** One whole panel of lanes that are not neighbours. */
function packDistant(to: usize, from: usize, depth: i32, laneBytes: usize, depthBytes: usize, width: i32): void {
  const step = <usize>width << 2;
  packFour(to, step, from, depth, laneBytes, depthBytes);
  if (width == 8) packFour(to + 16, step, from + 4 * laneBytes, depth, laneBytes, depthBytes);
  else if (width == 6) packTwo(to + 16, step, from + 4 * laneBytes, depth, laneBytes, depthBytes);
}

/** One panel in which only the first `present` lanes exist. */
function packSome(
  to: usize, from: usize, present: i32, depth: i32, laneBytes: usize, depthBytes: usize, width: i32,
): void {
  const step = <usize>width << 2;
  memory.fill(to, 0, <usize>depth * step);
  for (let d = 0; d < depth; d++, to += step, from += depthBytes) {
    for (let lane = 0; lane < present; lane++) store<f32>(to + (lane << 2), load<f32>(from + <usize>lane * laneBytes));
  }
}

/** Four lanes, `step` bytes from one depth to the next: 4×4 transposes where depth is contiguous, else one by one. */
function packFour(to: usize, step: usize, from: usize, depth: i32, laneBytes: usize, depthBytes: usize): void {
  let d = 0;
  if (depthBytes == 4) {
    for (; d + 4 <= depth; d += 4, from += 16, to += step << 2) {
      const r0 = v128.load(from);
      const r1 = v128.load(from + laneBytes);
      const r2 = v128.load(from + 2 * laneBytes);
      const r3 = v128.load(from + 3 * laneBytes);
      const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
      const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
      const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<f64>(low01, low23, 0, 2));
      v128.store(to + step, v128.shuffle<f64>(low01, low23, 1, 3));
      v128.store(to + 2 * step, v128.shuffle<f64>(high01, high23, 0, 2));
      v128.store(to + 3 * step, v128.shuffle<f64>(high01, high23, 1, 3));
    }
  }
  for (; d < depth; d++, from += depthBytes, to += step) {
    store<f32>(to, load<f32>(from));
    store<f32>(to + 4, load<f32>(from + laneBytes));
    store<f32>(to + 8, load<f32>(from + 2 * laneBytes));
    store<f32>(to + 12, load<f32>(from + 3 * laneBytes));
  }
}

/** Packs two lanes, the last ones of a panel of six, in the same way. */
function packTwo(to: usize, step: usize, from: usize, depth: i32, laneBytes: usize, depthBytes: usize): void {
  let d = 0;
  if (depthBytes == 4) {
    for (; d + 4 <= depth; d += 4, from += 16, to += step << 2) {
      const r0 = v128.load(from), r1 = v128.load(from + laneBytes);
      const low = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), high = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
      v128.store_lane<u64>(to, low, 0);
      v128.store_lane<u64>(to + step, low, 1);
      v128.store_lane<u64>(to + 2 * step, high, 0);
      v128.store_lane<u64>(to + 3 * step, high, 1);
    }
  }
  for (; d < depth; d++, from += depthBytes, to += step) {
    store<f32>(to, load<f32>(from));
    store<f32>(to, load<f32>(from + laneBytes), 4);
  }
}
