/**
 * The inner loop of every product: a 6×8 or 4×8 tile of C stays in registers while k runs over two packed panels (panels.ts).
 *
 * The k loop is deliberately not unrolled: twelve accumulators, two B vectors and one A value are what fits V8's fifteen SIMD
 * registers. matmul.ts, attention and searches are built on it. Each sum runs over k in order, whatever the tile's height.
 */
import { madd } from "../base/simd";

/**
 * Rows of A in a panel and columns of B in a panel: the register tile. Twelve chains of fused multiply-adds hide their latency
 * better than eight; where multiplying and adding are two instructions, the product takes the register that six rows need.
 */
export const TILE_ROWS: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 4;
export const TILE_COLUMNS: i32 = 8;
export const TILE_BYTES: i32 = (TILE_ROWS * TILE_COLUMNS) << 2;

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
