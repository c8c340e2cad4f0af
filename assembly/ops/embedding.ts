/**
 * Rows of a table picked by token id, and the gradient scattered back into them.
 */
import { addTo } from "../base/simd";

/** y[i] = table[ids[i]] for `n` ids; rows of `width` floats. Ids are taken to be in range. */
export function embedding_forward(y: usize, table: usize, ids: usize, n: i32, width: i32): void {
  const rowBytes = <usize>width << 2;
  for (const end = ids + (<usize>n << 2); ids < end; ids += 4, y += rowBytes) {
    memory.copy(y, table + <usize>load<i32>(ids) * rowBytes, rowBytes);
  }
}

/** dtable[ids[i]] += dy[i], in the order of i, so that a repeated id gives the same bits every time. */
export function embedding_backward(dtable: usize, dy: usize, ids: usize, n: i32, width: i32): void {
  const rowBytes = <usize>width << 2;
  for (const end = ids + (<usize>n << 2); ids < end; ids += 4, dy += rowBytes) {
    addTo(dtable + <usize>load<i32>(ids) * rowBytes, dy, width);
  }
}
