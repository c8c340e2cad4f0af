/**
 * How a parameter [out, in] lies in a tensor of a file: transposed or not, and in which of its rows. All of it moves whole rows or
 * whole numbers, so reading and writing back are exact, for every kind of number.
 */
import { bytesOfNumbers, type WeightType } from "../formats/weight-types.ts";

/** A place in a tensor. A bias is a matrix with one column. */
export interface Layout {
  /** Whether the file has [in, out]. */
  readonly transposed?: boolean;
  /** The rows of the parameter, if the tensor has other rows too, or another order. */
  readonly rows?: Rows;
}

/** Rows of a parameter among those of a tensor. */
export interface Rows {
  /** For each row of the parameter as many of the tensor, which holds that many parameters. */
  readonly parts: number;
  /** Returns the tensor's row of row `row` of the parameter; `count` is how many that has. */
  at(row: number, count: number): number;
}

/** Part `index` of `parts` equally many rows, one part after the other. */
export function stackedRows(parts: number, index: number): Rows {
  return { parts, at: (row, count) => index * count + row };
}

/** Part `index` of the parts of every head: [head][part][D]. */
export function rowsByHead(parts: number, index: number, headWidth: number): Rows {
  return {
    parts,
    at: (row) => (Math.floor(row / headWidth) * parts + index) * headWidth + (row % headWidth),
  };
}

/** Rows whose pairs for rotation are neighbours, 2i and 2i + 1 of a head, where here they are i and i + D / 2. */
export function neighbourRows(headWidth: number): Rows {
  const half = headWidth / 2;
  return {
    parts: 1,
    at(row) {
      const inHead = row % headWidth;
      return row - inHead + 2 * (inHead % half) + Math.floor(inHead / half);
    },
  };
}

/** The shape of the tensor that holds a parameter of `shape`. */
export function fileShape(shape: readonly number[], { transposed, rows }: Layout): number[] {
  const whole = [shape[0] * (rows?.parts ?? 1), ...shape.slice(1)];
  return transposed ? whole.toReversed() : whole;
}

/** The bytes of a parameter of `shape`, from those of its tensor. */
export function takeRows(bytes: Uint8Array, type: WeightType, shape: readonly number[], layout: Layout): Uint8Array {
  const whole = layout.transposed && shape.length > 1 ? transpose(bytes, type, shape[1]) : bytes;
  const { rows } = layout;
  if (rows === undefined) return whole;
  const size = rowSize(type, shape);
  const taken = new Uint8Array(shape[0] * size);
  for (let row = 0; row < shape[0]; row++) {
    const from = rows.at(row, shape[0]) * size;
    taken.set(whole.subarray(from, from + size), row * size);
  }
  return taken;
}

/** Puts the bytes of a parameter of `shape` where they belong in `whole`, which is the tensor, still as [out, in]. */
export function putRows(
  whole: Uint8Array,
  bytes: Uint8Array,
  type: WeightType,
  shape: readonly number[],
  { rows }: Layout,
): void {
  const size = rowSize(type, shape);
  for (let row = 0; row < shape[0]; row++) {
    const to = rows === undefined ? row : rows.at(row, shape[0]);
    whole.set(bytes.subarray(row * size, (row + 1) * size), to * size);
  }
}

function rowSize(type: WeightType, shape: readonly number[]): number {
  return bytesOfNumbers(type, shape[1] ?? 1);
}

/** The matrix of `rows` rows with rows and columns exchanged; its numbers are not in blocks. */
export function transpose(bytes: Uint8Array, type: WeightType, rows: number): Uint8Array {
  const size = bytesOfNumbers(type, 1);
  const columns = bytes.length / size / rows;
  const turned = new Uint8Array(bytes.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [from, to] = [(row * columns + column) * size, (column * rows + row) * size];
      for (let byte = 0; byte < size; byte++) turned[to + byte] = bytes[from + byte];
    }
  }
  return turned;
}
