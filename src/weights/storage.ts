/** Both ways to keep a packed matrix, as packed-matrix.ts sees them. */
import { stepIntegers } from "../autodiff/tensor.ts";
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
  /** Where it lies. */
  readonly address: Address;
  /** Rows of the matrix. */
  readonly outputs: number;
  /** Bytes, apart from the floats, that `pack` needs at `room` for a piece of `rows` rows. */
  roomFor(rows: number): number;
  /** Stores a piece. Returns false if a number is not finite, or too large for this layout. */
  pack(piece: Piece, room: Address): boolean;
  /** Computes products with the same x [n, in], in one pass. Their storages are like this one: of one kind, and of the same width. */
  multiply(products: readonly Product[], x: Address, n: number): void;
  /** y [n, in] = the rows with the numbers (i32) at `rows`. */
  unpack(y: Address, rows: Address, n: number): void;
}

/** One of several products with the same x: y [n, out] = x · Wᵀ + bias. */
export interface Product {
  /** Of W. */
  readonly storage: Storage;
  readonly y: Address;
  /** 0 for none. */
  readonly bias: Address;
}

/** The table of products that kernels read (assembly/weights/products.ts), in the step's memory. */
export function productTable(products: readonly Product[]): Address {
  return stepIntegers(products.flatMap(({ y, storage, bias }) => [y, storage.address, bias, storage.outputs]));
}
