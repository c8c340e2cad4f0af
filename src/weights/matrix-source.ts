/**
 * Where a packed matrix gets its numbers: rows of a matrix, a piece at a time, so that loading needs little more memory than what is
 * kept.
 */
import { bytesOfNumbers, type WeightType } from "../formats/weight-types.ts";

/** A matrix that can be read by rows. */
export interface MatrixSource {
  /** The matrix, as messages name it. */
  readonly name: string;
  readonly shape: readonly [rows: number, columns: number];
  /** The kind of number that `read` returns. */
  readonly type: WeightType;
  /** Returns the bytes of rows [from, to). */
  read(from: number, to: number): Uint8Array;
}

/** Floats [rows, columns] as a source. */
export function sourceOfFloats(name: string, values: Float32Array, shape: readonly [number, number]): MatrixSource {
  const columns = shape[1];
  const read = (from: number, to: number) => {
    const rows = values.subarray(from * columns, to * columns);
    return new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
  };
  return { name, shape, type: "F32", read };
}

/** Stored numbers as a source; `name` names them in messages. They are read at once, and not before they are needed. */
export function sourceOfStored(
  name: string,
  { type, shape, bytes }: { type: WeightType; shape: readonly [number, number]; bytes(): Uint8Array },
): MatrixSource {
  const rowBytes = bytesOfNumbers(type, shape[1]);
  let all: Uint8Array | undefined;
  const read = (from: number, to: number) => {
    all ??= bytes();
    return all.subarray(from * rowBytes, to * rowBytes);
  };
  return { name, shape, type, read };
}
