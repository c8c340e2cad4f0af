/**
 * C (+)= A · B for f32 matrices of any size and any strides: a transpose is only a pair of strides.
 *
 * As in BLIS, blocks of A and B are first packed into panels, so that the inner loop reads both straight through (panels.ts has
 * both). One-row products need neither. No softmax, no bias, no activation here.
 */
import { multiplyPanels, packPanels, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from "./panels";
import { dot } from "../base/simd";

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
