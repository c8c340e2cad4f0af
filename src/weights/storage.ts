/** Both ways to keep a packed matrix, as packed-matrix.ts sees them. */
import type { WeightType } from "../formats/weight-types.ts";
import type { Address } from "../wasm/heap.ts";

/** A piece of a matrix on its way into it. */
export interface Piece {
  /** The row that it begins with. */
  readonly first: number;
  readonly rows: number;
  /** Its floats, on the heap. */
  readonly floats: Address;
  /** The same numbers as a file has them. */
  readonly type: WeightType;
  readonly bytes: Uint8Array;
}

/** Weights on the heap, in a layout that its kernels know. Shapes and numbers of rows are checked before. */
export interface Storage {
  /** Bytes that it occupies. */
  readonly bytes: number;
  /** Bytes, apart from the floats, that `pack` needs at `room` for a piece of so many rows. */
  roomFor(rows: number): number;
  /** Stores a piece. Returns false if a number is not finite, or too large for this layout. */
  pack(piece: Piece, room: Address): boolean;
  /** y [n, out] = x [n, in] · Wᵀ + bias. `bias`: 0 for none. */
  multiply(y: Address, x: Address, n: number, bias: Address): void;
  /** y [n, in] = the rows with the numbers (i32) at `rows`. */
  unpack(y: Address, rows: Address, n: number): void;
}
