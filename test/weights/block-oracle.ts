/**
 * Products with weights in blocks in plain TypeScript, rounded to float32 where the kernels round: their results must have the same
 * bits. Rows, columns and blocks are loops; nothing is packed.
 */
import { asFloats, asHalves } from "../../src/wasm/half.ts";

const { fround } = Math;
export const BLOCK = 32;

/** A block of a row as whole numbers. */
interface Rounded {
  readonly q: readonly number[];
  readonly scale: number;
  /** With 8-bit weights, the q of 0. */
  readonly zero: number;
}

/** A block of a row of weights: weight = q · scale + minimum. */
export interface WeightBlock {
  readonly q: readonly number[];
  readonly scale: number;
  readonly minimum: number;
}

/** The nearest whole number, ties to even; 0 for NaN. */
function nearest(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded || 0;
}

function within(x: number, least: number, most: number): number {
  return Math.min(Math.max(x, least), most);
}

/** The nearest half, as a float. */
export function half(x: number): number {
  return asFloats(asHalves(Float32Array.of(x)))[0];
}

/** A block of x next to 8-bit weights (q in 0…127) or 4-bit weights (−127…127). */
export function roundBlock(x: readonly number[], four: boolean): Rounded {
  const least = Math.min(0, ...x);
  const most = Math.max(0, ...x);
  const range = four ? Math.max(most, -least) : fround(most - least);
  const factor = fround(127 / range);
  const usable = factor > 0 && factor < Infinity;
  const steps = (number: number) => (usable ? nearest(fround(number * factor)) : 0);
  const zero = four ? 0 : steps(-least);
  const q = x.map((number) => within(steps(number) + zero, four ? -127 : 0, 127));
  return { q, scale: usable ? fround(range / 127) : range * 0, zero };
}

/**
 * A row of x as terms, each with the number of its block: every block, then what rounding left over of those whose scale is more
 * than 1.5 times the row's mean, or 4 times with 4-bit weights.
 */
export function roundRow(row: ArrayLike<number>, four: boolean): [block: number, term: Rounded][] {
  const blocks = blocksOf(row);
  const terms = blocks.map((block) => roundBlock(block, four));
  const mean = fround(terms.reduce((sum, { scale }) => fround(sum + scale), 0) / terms.length);
  const rest = terms.flatMap(({ q, scale, zero }, b): [number, Rounded][] => {
    if (!(scale > fround((four ? 4 : 1.5) * mean))) return [];
    const left = blocks[b].map((x, i) => fround(x - fround(scale * (q[i] - zero))));
    return [[b, roundBlock(left, four)]];
  });
  return [...terms.map((term, b): [number, Rounded] => [b, term]), ...rest];
}

/** A block of weights rounded to 8 or 4 bits, with a scale and a minimum that are halves. */
export function packBlock(w: readonly number[], four: boolean): WeightBlock {
  const [least, most] = [Math.min(...w), Math.max(...w)];
  const scale = half(four ? fround(fround(most - least) / 15) : fround(Math.max(most, -least) / 127));
  const minimum = four ? half(least) : 0;
  const steps = (weight: number) => (scale === 0 ? 0 : nearest(fround(fround(weight - minimum) / scale)));
  const q = w.map((weight) => (four ? within(steps(weight), 0, 15) : within(steps(weight), -128, 127)));
  return { q, scale, minimum };
}

/** The weights of a block as floats. */
export function unpackBlock({ q, scale, minimum }: WeightBlock): number[] {
  return q.map((number) => fround(fround(number * scale) + minimum));
}

/** Blocks of a row; the last one may be short. */
export function blocksOf(row: ArrayLike<number>): number[][] {
  const blocks: number[][] = [];
  for (let from = 0; from < row.length; from += BLOCK) blocks.push(Array.from(row).slice(from, from + BLOCK));
  return blocks;
}

/** One row of x times one row of weights. */
export function dotOfBlocks(x: readonly [number, Rounded][], w: readonly WeightBlock[], four: boolean): number {
  let sum = 0;
  x.forEach(([block, { q, scale, zero }]) => {
    const weights = w[block];
    const whole = q.reduce((total, number, i) => total + (number - zero) * weights.q[i], 0);
    let value = fround(fround(whole) * fround(weights.scale * scale));
    if (four) {
      const scaledSum = fround(scale * q.reduce((total, number) => total + number, 0));
      value = fround(value + fround(weights.minimum * scaledSum));
    }
    sum = fround(sum + value);
  });
  return sum;
}

/** x [n, in] · weightsᵀ [out, in] → [n, out], with weights rounded to 8 or 4 bits. */
export function productOracle(
  x: Float32Array,
  weights: Float32Array,
  [n, inputs, outputs]: readonly [number, number, number],
  four: boolean,
): Float32Array {
  const rowsOf = (values: Float32Array, rows: number) =>
    Array.from({ length: rows }, (_, i) => values.subarray(i * inputs, (i + 1) * inputs));
  const rounded = rowsOf(x, n).map((row) => roundRow(row, four));
  const packed = rowsOf(weights, outputs).map((row) => blocksOf(row).map((block) => packBlock(block, four)));
  return Float32Array.from({ length: n * outputs }, (_, at) => {
    const [row, column] = [Math.floor(at / outputs), at % outputs];
    return dotOfBlocks(rounded[row], packed[column], four);
  });
}
