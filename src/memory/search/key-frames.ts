/**
 * Frames in which keys of any length have at most unit length, for the quantised scan: a centre, and a factor for each component of a
 * head (assembly/search/rounding.ts says what for). A frame is made from the keys that a row remembers when one of them is
 * too long, and again when they are twice as many, or others. A row without long keys has the plain frame, which changes nothing.
 */
import { asFloats } from "../../wasm/half.ts";
import type { Address } from "../../wasm/heap.ts";
import { heap, kernels } from "../../wasm/runtime.ts";
import type { MemoryShape } from "../options.ts";
import type { Ring } from "../ring.ts";

/**
 * Keys may grow to this many times the length of the longest that was seen before they need another frame. More would make frames rarer,
 * and the integers of all keys smaller, so that rounding hides more of them.
 */
const ROOM = 1.1;
/** More than what counts as unit length in the kernels, and the rounding of a sum. */
const ABOVE_UNIT = 1.01;
/** Factors are at most this, and at least its inverse: far from the ends of floats. */
const MOST = 2 ** 60;

/** The frames of all rows and heads of a ring. */
export class KeyFrames {
  private readonly ring: Ring;
  /** [B, H, frame_floats]. */
  private readonly address: Address;
  /** For each row, the number of appended pairs at which its frames are rebuilt; 0 if it has the plain frame. */
  private readonly due: Float64Array;

  /** `address` has room for `bytesFor` bytes, which others free. */
  constructor(ring: Ring, address: Address) {
    this.ring = ring;
    this.address = address;
    this.due = new Float64Array(ring.rows);
  }

  /** Bytes of the frames of a ring of this shape. */
  static bytesFor({ rows, heads, width }: Pick<MemoryShape, "rows" | "heads" | "width">): number {
    return rows * heads * kernels.frame_floats(width) * 4;
  }

  /** The frames of all rows; 0 while no row needs any. */
  get all(): Address {
    return this.due.some((due) => due > 0) ? this.address : 0;
  }

  /** The frames of a row; 0 while it needs none. */
  ofRow(row: number): Address {
    return this.due[row] > 0 ? this.address + row * this.rowFloats * 4 : 0;
  }

  /** Whether a row's frames must be rebuilt. */
  isDue(row: number): boolean {
    return this.due[row] > 0 && this.ring.appended(row) >= this.due[row];
  }

  /** Gives a row the plain frame. */
  forget(row: number): void {
    if (this.due[row] === 0) return;
    this.due[row] = 0;
    this.setPlain(row);
  }

  /** Makes frames for the keys that a row remembers now. */
  fit(row: number): void {
    const { ring } = this;
    if (this.all === 0) for (let other = 0; other < ring.rows; other++) this.setPlain(other);
    const keys = asFloats(ring.copyOut(row, ring.keys)); // [H, n, D]
    const size = keys.length / ring.heads;
    for (let head = 0; head < ring.heads; head++) {
      this.set(row, head, frameOf(keys.subarray(head * size, (head + 1) * size), ring.width));
    }
    this.due[row] = ring.appended(row) + Math.max(1, ring.length(row));
  }

  private setPlain(row: number): void {
    const { heads, width } = this.ring;
    const plain = { factors: new Float32Array(width).fill(1), centre: new Float32Array(width), longest: 1 };
    for (let head = 0; head < heads; head++) this.set(row, head, plain);
  }

  private get rowFloats(): number {
    return this.ring.heads * kernels.frame_floats(this.ring.width);
  }

  private set(row: number, head: number, { factors, centre, longest }: Frame): void {
    const floats = kernels.frame_floats(this.ring.width);
    const at = this.address + (row * this.rowFloats + head * floats) * 4;
    heap.f32(at, floats).set([...factors, ...factors.map((factor) => 1 / factor), ...centre, longest]);
  }
}

/** A frame: a factor for each component, and a centre. `longest` is the length that f k has at most, if f (k − c) has at most unit length. */
export interface Frame {
  readonly factors: Float32Array;
  readonly centre: Float32Array;
  readonly longest: number;
}

/**
 * The frame of keys [n, D]. An error in component d of a key costs |q_d| / f_d, and the keys' length grows with f_d, so that without
 * a word on queries the factor of a component is best as the inverse root of its spread.
 */
export function frameOf(keys: Float32Array, width: number): Frame {
  const centre = centreOf(keys, width);
  const spreads = spreadsAround(centre, keys);
  const least = 1e-3 * Math.max(...spreads) || 1; // a component that hardly varies needs no magnifying glass
  const raw = spreads.map((spread) => Math.max(spread, least) ** -0.5);
  const shift = ROOM * longest(keys, centre, raw) || 1;
  const factors = Float32Array.from(raw, (factor) => Math.max(1 / MOST, Math.min(MOST, factor / shift)));
  return { factors, centre, longest: ABOVE_UNIT + longest(centre, new Float32Array(width), factors) };
}

// Each of these passes over all keys in plain loops: they run whenever the keys of a row have doubled.

/** The mean of vectors [n, D]. */
function centreOf(vectors: Float32Array, width: number): Float32Array {
  const sums = new Float64Array(width);
  for (let at = 0; at < vectors.length; at += width) {
    for (let d = 0; d < width; d++) sums[d] += vectors[at + d];
  }
  return Float32Array.from(sums, (sum) => (sum * width) / vectors.length);
}

/** The standard deviation of each component of vectors [n, D] from their centre. */
function spreadsAround(centre: Float32Array, vectors: Float32Array): Float64Array {
  const width = centre.length;
  const sums = new Float64Array(width);
  for (let at = 0; at < vectors.length; at += width) {
    for (let d = 0; d < width; d++) sums[d] += (vectors[at + d] - centre[d]) ** 2;
  }
  return sums.map((sum) => Math.sqrt((sum * width) / vectors.length));
}

/** The length of the longest of vectors [n, D], moved by −`centre` and then times `factors` [D]. */
function longest(vectors: Float32Array, centre: Float32Array, factors: Float32Array | Float64Array): number {
  let most = 0;
  for (let at = 0; at < vectors.length; at += factors.length) {
    let squares = 0;
    for (let d = 0; d < factors.length; d++) squares += ((vectors[at + d] - centre[d]) * factors[d]) ** 2;
    most = Math.max(most, squares);
  }
  return Math.sqrt(most);
}
