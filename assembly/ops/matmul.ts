/**
 * C (+)= A · B for f32 matrices of any size and any strides: a transpose is only a pair of strides.
 *
 * As in BLIS, blocks of A and B are first packed into panels (A: 4 rows side by side, B: 8 columns), so that the inner
 * loop reads both straight through; a 4×8 tile of C then stays in registers while k runs. The k loop is deliberately not
 * unrolled: eight accumulators, two B vectors and one A value are what fits V8's fifteen SIMD registers.
 * No softmax, no bias, no activation here; attention.ts and topk.ts reuse the panels.
 */
import { madd } from "../base/simd";
import { dot } from "../base/vectors";

/** Rows of A in a panel and columns of B in a panel: the register tile. */
export const TILE_ROWS: i32 = 4;
export const TILE_COLUMNS: i32 = 8;
/** Blocks: MC·KC floats of A stay in L2, a KC·8 panel of B in L1. */
const MC: i32 = 128;
const KC: i32 = 512;
const NC: i32 = 1024;

/** Units of work in a product: columns of C if there are at least as many as rows, else rows. */
export function matmul_units(m: i32, n: i32): i32 {
  return n >= m ? (n + TILE_COLUMNS - 1) / TILE_COLUMNS : (m + TILE_ROWS - 1) / TILE_ROWS;
}

/** Bytes of scratch that `matmul` needs, whatever the sizes: one packed block of each operand and one tile. */
export function matmul_scratch_bytes(): i32 {
  return (MC * KC + KC * NC + TILE_ROWS * TILE_COLUMNS) << 2;
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
 * Packs a matrix of `lanes` × `depth` into panels of `width` lanes, [lanes / width][depth][width]; missing lanes are 0.
 * A row of A is a lane (width 4), a column of B is a lane (width 8). Strides in floats.
 */
export function packPanels(
  to: usize, from: usize, lanes: i32, depth: i32, laneStride: i32, depthStride: i32, width: i32,
): void {
  const panelBytes = <usize>(depth * width) << 2;
  for (let lane = 0; lane < lanes; lane += width) {
    for (let group = 0; group < width; group += 4) {
      const source = from + ((<usize>(lane + group) * laneStride) << 2);
      packFour(to + (group << 2), width << 2, source, min(4, lanes - lane - group), depth, laneStride, depthStride);
    }
    to += panelBytes;
  }
}

/** Interleaves up to four lanes: to[d] = { lane 0, lane 1, lane 2, lane 3 } at depth d, `step` bytes apart. */
function packFour(
  to: usize, step: usize, from: usize, lanes: i32, depth: i32, laneStride: i32, depthStride: i32,
): void {
  const zero = f32x4.splat(0);
  if (lanes <= 0) {
    for (let d = 0; d < depth; d++, to += step) v128.store(to, zero);
  } else if (lanes < 4) {
    for (let d = 0; d < depth; d++, to += step, from += depthStride << 2) {
      v128.store(to, zero);
      for (let lane = 0; lane < lanes; lane++) {
        store<f32>(to + (lane << 2), load<f32>(from + ((<usize>lane * laneStride) << 2)));
      }
    }
  } else if (laneStride == 1) {
    for (let d = 0; d < depth; d++, to += step, from += <usize>depthStride << 2) v128.store(to, v128.load(from));
  } else {
    packTransposed(to, step, from, depth, <usize>laneStride << 2, <usize>depthStride << 2);
  }
}

/** Four full lanes that are not neighbours in memory: 4×4 transposes where depth is contiguous, else one by one. */
@inline
function packTransposed(to: usize, step: usize, from: usize, depth: i32, laneBytes: usize, depthBytes: usize): void {
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

/**
 * C[m, n] (+)= A · B over packed panels, tile by tile. `depthA`, `depthB`: the depth that the panels were packed with
 * (their distance); `k` ≤ both: how much of it is multiplied. `tile`: 128 bytes of scratch for the ragged edges.
 */
export function multiplyPanels(
  c: usize, ldc: i32, panelsA: usize, depthA: i32, panelsB: usize, depthB: i32,
  m: i32, n: i32, k: i32, accumulate: bool, tile: usize,
): void {
  const bytesA = <usize>(depthA * TILE_ROWS) << 2;
  const bytesB = <usize>(depthB * TILE_COLUMNS) << 2;
  for (let j = 0, panelB = panelsB; j < n; j += TILE_COLUMNS, panelB += bytesB) {
    for (let i = 0, panelA = panelsA; i < m; i += TILE_ROWS, panelA += bytesA) {
      const corner = c + ((<usize>i * ldc + j) << 2);
      if (i + TILE_ROWS <= m && j + TILE_COLUMNS <= n) {
        multiplyTile(corner, <usize>ldc << 2, panelA, panelB, k, accumulate);
      } else {
        multiplyTile(tile, TILE_COLUMNS << 2, panelA, panelB, k, false);
        copyTile(corner, ldc, tile, min(TILE_ROWS, m - i), min(TILE_COLUMNS, n - j), accumulate);
      }
    }
  }
}

/** The 4×8 register tile: C[4, 8] (+)= A panel · B panel. `ldc` in bytes. */
export function multiplyTile(c: usize, ldc: usize, a: usize, b: usize, k: i32, accumulate: bool): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  const end = a + (<usize>k << 4);
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
    a += 16;
    b += 32;
  }
  storeRow(c, c00, c01, accumulate);
  storeRow(c + ldc, c10, c11, accumulate);
  storeRow(c + 2 * ldc, c20, c21, accumulate);
  storeRow(c + 3 * ldc, c30, c31, accumulate);
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
    for (let j = 0; j < columns; j++) {
      const to = c + ((<usize>i * ldc + j) << 2);
      const x = load<f32>(tile + ((i * TILE_COLUMNS + j) << 2));
      store<f32>(to, accumulate ? load<f32>(to) + x : x);
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
