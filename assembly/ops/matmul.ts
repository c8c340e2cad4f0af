/**
 * C (+)= A · B for f32 matrices of any size and any strides: a transpose is only a pair of strides. No softmax, no bias, no activation.
 *
 * As in BLIS, blocks of A and B are first packed into panels, so that the inner loop reads both straight through, and a 6×8 or 4×8 tile
 * of C stays in registers while k runs over two panels. One-row products need neither. Attention and searches pack their own panels.
 *
 * The k loop is deliberately not unrolled: twelve accumulators, two B vectors and one A value are what fits V8's fifteen SIMD
 * registers. Each sum runs over k in order, whatever the tile's height.
 */
import { dot, madd } from "../base/simd";

/**
 * Rows of A in a panel and columns of B in a panel: the register tile. Twelve chains of fused multiply-adds hide their latency
 * better than eight; where multiplying and adding are two instructions, the product takes the register that six rows need.
 */
export const TILE_ROWS: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 4;
export const TILE_COLUMNS: i32 = 8;
export const TILE_BYTES: i32 = (TILE_ROWS * TILE_COLUMNS) << 2;

/** Blocks: MC·KC floats of A stay in L2, a KC·8 panel of B in L1. MC is a multiple of both tiles' rows. */
const MC: i32 = 132;
const KC: i32 = 512;
const NC: i32 = 1024;

/** Units of work in a product: panels of columns of C, or of rows if C has more rows than columns. */
export function matmul_units(m: i32, n: i32): i32 {
  return n >= m ? (n + TILE_COLUMNS - 1) / TILE_COLUMNS : (m + TILE_ROWS - 1) / TILE_ROWS;
}

/** Bytes of scratch that `matmul` needs, whatever the sizes: one packed block of each operand and one tile. */
export function matmul_scratch_bytes(): i32 {
  return ((MC * KC + KC * NC) << 2) + TILE_BYTES;
}

/**
 * C[m, n] = A[m, k] · B[k, n], or C += … when `accumulate`. Strides are in floats: A(i, p) is at a + 4(i·rsa + p·csa),
 * B(p, j) at b + 4(p·rsb + j·csb); rows of C are `ldc` apart. Units [from, to) of matmul_units(m, n) are computed: whole
 * tiles, so the sums are the same however the work is shared out. `scratch`: matmul_scratch_bytes().
 */
export function matmul(
  c: usize, ldc: i32,
  a: usize, rsa: i32, csa: i32,
  b: usize, rsb: i32, csb: i32,
  m: i32, n: i32, k: i32,
  accumulate: bool, from: i32, to: i32, scratch: usize,
): void {
  if (m == 1 && csa == 1 && rsb == 1) {
    const j = from * TILE_COLUMNS;
    vectorTimesRows(c + (<usize>j << 2), a, b + ((<usize>j * csb) << 2), csb, min(n, to * TILE_COLUMNS) - j, k, accumulate);
  } else if (n >= m) {
    const j = from * TILE_COLUMNS;
    const columns = min(n, to * TILE_COLUMNS) - j;
    const part = b + ((<usize>j * csb) << 2);
    product(c + (<usize>j << 2), ldc, a, rsa, csa, part, rsb, csb, m, columns, k, accumulate, scratch);
  } else {
    const i = from * TILE_ROWS;
    const rows = min(m, to * TILE_ROWS) - i;
    const part = a + ((<usize>i * rsa) << 2);
    product(c + ((<usize>i * ldc) << 2), ldc, part, rsa, csa, b, rsb, csb, rows, n, k, accumulate, scratch);
  }
}

/** The whole of a product, or of a part of it that is a product itself. */
function product(
  c: usize, ldc: i32, a: usize, rsa: i32, csa: i32, b: usize, rsb: i32, csb: i32,
  m: i32, n: i32, k: i32, accumulate: bool, scratch: usize,
): void {
  if (k == 0) {
    if (!accumulate) for (let i = 0; i < m; i++) memory.fill(c + ((<usize>i * ldc) << 2), 0, <usize>n << 2);
    return;
  }
  const packedA = scratch;
  const packedB = packedA + (<usize>(MC * KC) << 2);
  const tile = packedB + (<usize>(KC * NC) << 2);
  for (let j = 0; j < n; j += NC) {
    const nc = min(NC, n - j);
    for (let p = 0; p < k; p += KC) {
      const kc = min(KC, k - p);
      packPanels(packedB, b + ((<usize>p * rsb + <usize>j * csb) << 2), nc, kc, csb, rsb, TILE_COLUMNS);
      for (let i = 0; i < m; i += MC) {
        const mc = min(MC, m - i);
        packPanels(packedA, a + ((<usize>i * rsa + <usize>p * csa) << 2), mc, kc, rsa, csa, TILE_ROWS);
        const block = c + ((<usize>i * ldc + j) << 2);
        multiplyPanels(block, ldc, packedA, kc, packedB, kc, mc, nc, kc, accumulate || p > 0, tile);
      }
    }
  }
}

/**
 * y[n] (+)= B[n, k] · x[k], rows of B `ldb` floats apart: one-row products (generation) read the weights just once, and in
 * the order they lie in. Four rows side by side would share the loads of x, but beyond L2 they stream at a third of the rate.
 */
function vectorTimesRows(y: usize, x: usize, b: usize, ldb: i32, n: i32, k: i32, accumulate: bool): void {
  for (const end = y + (<usize>n << 2); y < end; y += 4, b += <usize>ldb << 2) {
    const sum = dot(x, b, k);
    store<f32>(y, accumulate ? load<f32>(y) + sum : sum);
  }
}

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

/** Bytes of a packed operand: lanes rounded up to the panel width. */
@inline
export function panelBytes(lanes: i32, depth: i32, width: i32): usize {
  return (<usize>((lanes + width - 1) / width * width) * depth) << 2;
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

/** What of a product is worth computing, where a causal mask makes one of its matrices a triangle. */
export const enum Triangle {
  None,
  /** C: columns beyond `diagonal` + the row are not wanted. Some of them are computed, none may be counted on. */
  LowerC,
  /** A: columns beyond `diagonal` + the row are 0. */
  LowerA,
  /** A: columns before the row − `diagonal` are 0. */
  UpperA,
}

/**
 * C[m, n] (+)= A · B over packed panels, tile by tile. `depthA`, `depthB`: the depth that the panels were packed with
 * (their distance); `k` ≤ both: how much of it is multiplied. `tile`: TILE_BYTES of scratch for the ragged edges. Products with
 * the zeros of a triangle are left out, which changes no bit of a sum.
 */
export function multiplyPanels(
  c: usize, ldc: i32, panelsA: usize, depthA: i32, panelsB: usize, depthB: i32,
  m: i32, n: i32, k: i32, accumulate: bool, tile: usize, triangle: Triangle = Triangle.None, diagonal: i32 = 0,
): void {
  const bytesA = <usize>(depthA * TILE_ROWS) << 2;
  const bytesB = <usize>(depthB * TILE_COLUMNS) << 2;
  for (let j = 0, panelB = panelsB; j < n; j += TILE_COLUMNS, panelB += bytesB) {
    for (let i = 0, panelA = panelsA; i < m; i += TILE_ROWS, panelA += bytesA) {
      const last = diagonal + i + TILE_ROWS; // behind the last column of a lower triangle
      if (triangle == Triangle.LowerC && j >= last) continue;
      const from = triangle == Triangle.UpperA ? min(max(i - diagonal, 0), k) : 0;
      const depth = (triangle == Triangle.LowerA ? min(last, k) : k) - from;
      multiplyCorner(
        c + ((<usize>i * ldc + j) << 2), ldc,
        panelA + ((<usize>from * TILE_ROWS) << 2), panelB + ((<usize>from * TILE_COLUMNS) << 2),
        min(TILE_ROWS, m - i), min(TILE_COLUMNS, n - j), depth, accumulate, tile,
      );
    }
  }
}

/** One tile, or the corner [rows, columns] of one. */
@inline
function multiplyCorner(
  c: usize, ldc: i32, a: usize, b: usize, rows: i32, columns: i32, k: i32, accumulate: bool, tile: usize,
): void {
  if (columns == TILE_COLUMNS && (rows == TILE_ROWS || rows == 4)) {
    multiplyRows(c, <usize>ldc << 2, a, b, k, accumulate, rows);
  } else {
    multiplyRows(tile, TILE_COLUMNS << 2, a, b, k, false, rows);
    copyTile(c, ldc, tile, rows, columns, accumulate);
  }
}

/** The register tile: C[TILE_ROWS, 8] (+)= A panel · B panel; where no more than four `rows` are wanted, C[4, 8]. `ldc` in bytes. */
@inline
export function multiplyRows(c: usize, ldc: usize, a: usize, b: usize, k: i32, accumulate: bool, rows: i32): void {
  if (TILE_ROWS > 4 && rows <= 4) multiplyFour(c, ldc, a, b, k, accumulate);
  else multiplyAll(c, ldc, a, b, k, accumulate);
}

function multiplyAll(c: usize, ldc: usize, a: usize, b: usize, k: i32, accumulate: bool): void {
  multiply(c, ldc, a, b, k, accumulate, TILE_ROWS);
}

/** The first four rows of a panel of six. */
function multiplyFour(c: usize, ldc: usize, a: usize, b: usize, k: i32, accumulate: bool): void {
  multiply(c, ldc, a, b, k, accumulate, 4);
}

/** `rows`, 4 or 6, is known to the compiler, which leaves out what four rows do not need. */
@inline
function multiply(c: usize, ldc: usize, a: usize, b: usize, k: i32, accumulate: bool, rows: i32): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0);
  const end = a + <usize>k * (TILE_ROWS << 2);
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let ai = v128.load32_splat(a);
    c00 = madd(ai, b0, c00);
    c01 = madd(ai, b1, c01);
    ai = v128.load32_splat(a, 4);
    c10 = madd(ai, b0, c10);
    c11 = madd(ai, b1, c11);
    ai = v128.load32_splat(a, 8);
    c20 = madd(ai, b0, c20);
    c21 = madd(ai, b1, c21);
    ai = v128.load32_splat(a, 12);
    c30 = madd(ai, b0, c30);
    c31 = madd(ai, b1, c31);
    if (rows == 6) {
      ai = v128.load32_splat(a, 16);
      c40 = madd(ai, b0, c40);
      c41 = madd(ai, b1, c41);
      ai = v128.load32_splat(a, 20);
      c50 = madd(ai, b0, c50);
      c51 = madd(ai, b1, c51);
    }
    a += TILE_ROWS << 2;
    b += 32;
  }
  storeRow(c, c00, c01, accumulate);
  storeRow(c + ldc, c10, c11, accumulate);
  storeRow(c + 2 * ldc, c20, c21, accumulate);
  storeRow(c + 3 * ldc, c30, c31, accumulate);
  if (rows == 6) {
    storeRow(c + 4 * ldc, c40, c41, accumulate);
    storeRow(c + 5 * ldc, c50, c51, accumulate);
  }
}

@inline
function storeRow(c: usize, x0: v128, x1: v128, accumulate: bool): void {
  if (accumulate) {
    x0 = f32x4.add(x0, v128.load(c));
    x1 = f32x4.add(x1, v128.load(c, 16));
  }
  v128.store(c, x0);
  v128.store(c, x1, 16);
}

/** Moves the valid corner of an edge tile into C. */
function copyTile(c: usize, ldc: i32, tile: usize, rows: i32, columns: i32, accumulate: bool): void {
  for (let i = 0; i < rows; i++) {
    const from = tile + ((i * TILE_COLUMNS) << 2), to = c + ((<usize>i * ldc) << 2);
    if (columns == TILE_COLUMNS) {
      storeRow(to, v128.load(from), v128.load(from, 16), accumulate);
      continue;
    }
    for (let at = 0; at < columns << 2; at += 4) {
      const x = load<f32>(from + at);
      store<f32>(to + at, accumulate ? load<f32>(to + at) + x : x);
    }
  }
}
