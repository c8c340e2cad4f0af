/**
 * Where a packed matrix gets its numbers: rows of a matrix, a piece at a time, so that loading needs little more memory than what is
 * kept.
 */
import { type FileTensor, weightTypeOf } from "../formats/weight-file.ts";
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

/** A tensor of a file as a source; `file` names the file in messages. All axes but the last count as rows. */
export function sourceOfTensor(tensor: FileTensor, file: string): MatrixSource {
  const type = weightTypeOf(tensor, file);
  const columns = tensor.shape[tensor.shape.length - 1] ?? 1;
  const rows = tensor.shape.slice(0, -1).reduce((product, length) => product * length, 1);
  const rowBytes = bytesOfNumbers(type, columns);
  let bytes: Uint8Array | undefined;
  const read = (from: number, to: number) => {
    bytes ??= tensor.bytes();
    return bytes.subarray(from * rowBytes, to * rowBytes);
  };
  return { name: `${file}: tensor ${JSON.stringify(tensor.name)}`, shape: [rows, columns], type, read };
}
