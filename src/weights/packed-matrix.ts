/**
 * A matrix of weights kept in few bytes, and products with it: half or brain floats, or whole numbers of 8 or 4 bits in blocks.
 * For reading with a model, not for training it: nothing here has a gradient.
 */
import { requireKnownTokens } from "../autodiff/ops/vocabulary.ts";
import { needsGrad, note } from "../autodiff/tape.ts";
import { requireTensors, sizeOf, stepIntegers, stepTensor, type Tensor } from "../autodiff/tensor.ts";
import { check, oneOf, tokenIds } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { Lifetime, type Releasable } from "../base/lifetime.ts";
import { decodeWeights } from "../formats/weight-types.ts";
import { heap } from "../wasm/runtime.ts";
import { BlockStorage } from "./blocks.ts";
import { HalfStorage } from "./halves.ts";
import type { MatrixSource } from "./matrix-source.ts";
import type { Storage } from "./storage.ts";

/** How weights are kept. Half and brain floats are exact; whole numbers are those of a file's blocks, or rounded. */
export type PackedDtype = "bf16" | "f16" | "int8" | "int4";

export const PACKED_DTYPES: readonly PackedDtype[] = ["bf16", "f16", "int8", "int4"];

/** Numbers that are unpacked at a time on their way into a matrix. */
const PIECE = 2 ** 18;

/** Weights [out, in], kept on the heap in few bytes until they are released. */
export class PackedMatrix implements Releasable {
  readonly shape: readonly [outputs: number, inputs: number];
  readonly dtype: PackedDtype;
  private readonly storage: Storage;
  private readonly address: number;
  private readonly life: Lifetime;

  /**
   * Reads all rows of `source` and keeps them as `dtype`. Throws InputError, naming the matrix, for a matrix without rows or
   * columns and for weights that are not finite or too large for `dtype`.
   */
  constructor(source: MatrixSource, dtype: PackedDtype) {
    check("dtype", dtype, oneOf(...PACKED_DTYPES));
    const { name, shape } = source;
    if (!(shape[0] > 0 && shape[1] > 0)) {
      throw new InputError(`${name} has the shape [${shape}]; a matrix must have at least one row and one column`);
    }
    this.shape = shape;
    this.dtype = dtype;
    this.life = new Lifetime(`the packed matrix of shape [${shape}]`);
    this.address = heap.allocate(packedBytes(shape, dtype));
    try {
      this.storage = storageAt(this.address, shape, dtype);
      heap.u8(this.address, this.storage.bytes).fill(0);
      this.fill(source);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Bytes that the weights occupy. */
  get bytes(): number {
    this.life.require();
    return this.storage.bytes;
  }

  /**
   * x · Wᵀ + bias: x [..., in], bias [out] → [..., out]. With whole numbers, x is rounded too, each 32 numbers of a row to 127 steps
   * from the smallest to the largest (int8), or to 127 on either side of 0 (int4), and once more where these numbers are larger
   * than the row's others. A row of the result does not depend on the other rows of x. Throws InputError for shapes that do not fit
   * and where a gradient would be needed.
   */
  multiply(x: Tensor, bias?: Tensor): Tensor {
    return PackedMatrix.multiplyAll([this], x, [bias])[0];
  }

  /**
   * `multiply` for several matrices of one dtype and as many columns, in one pass: the same bits, with x rounded once and the threads
   * called once. Throws InputError also where the matrices are not alike.
   */
  static multiplyAll(matrices: readonly PackedMatrix[], x: Tensor, biases: readonly (Tensor | undefined)[]): Tensor[] {
    requireAlike(matrices);
    matrices.forEach((matrix, i) => {
      matrix.requireFit(x, biases[i]);
    });
    const leading = x.shape.slice(0, -1);
    const results = matrices.map(({ shape: [outputs] }) => stepTensor([...leading, outputs]));
    const products = matrices.map(({ storage }, i) => ({ storage, y: results[i].ptr, bias: biases[i]?.ptr ?? 0 }));
    matrices[0].storage.multiply(products, x.ptr, sizeOf(leading));
    note("packed linear", results);
    return results;
  }

  private requireFit(x: Tensor, bias: Tensor | undefined): void {
    this.life.require();
    requireTensors(bias === undefined ? { x } : { x, bias });
    const [outputs, inputs] = this.shape;
    if (x.shape[x.shape.length - 1] !== inputs) {
      const wanted = `its last axis must be ${inputs}`;
      throw new InputError(`packed linear: x [${x.shape}] does not fit weights [${this.shape}]; ${wanted}`);
    }
    if (bias !== undefined && bias.shape.join() !== String(outputs)) {
      throw new InputError(
        `packed linear: a bias [${bias.shape}] does not fit weights [${this.shape}]; it must be [${outputs}]`,
      );
    }
    refuseGradient(this.dtype, bias === undefined ? [x] : [x, bias]);
  }

  /** Rows `ids`, widened: an embedding lookup. → [ids.length, in]. Throws InputError for an id outside the matrix. */
  rows(ids: Int32Array): Tensor {
    this.life.require();
    check("ids", ids, tokenIds);
    const [rows, width] = this.shape;
    requireKnownTokens(ids, rows);
    const y = stepTensor([ids.length, width]);
    this.storage.unpack(y.ptr, stepIntegers(ids), ids.length);
    note("packed embedding", [y]);
    return y;
  }

  /** Frees the weights. Do not use the matrix afterwards. */
  release(): void {
    this.life.end(() => heap.release(this.address));
  }

  /** Releases it at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }

  private fill(source: MatrixSource): void {
    const [rows, width] = this.shape;
    const most = Math.min(rows, Math.max(1, Math.floor(PIECE / width)));
    const floats = heap.allocate(4 * most * width + this.storage.roomFor(most));
    try {
      for (let first = 0; first < rows; first += most) {
        this.packRows(source, first, Math.min(most, rows - first), floats, floats + 4 * most * width);
      }
    } finally {
      heap.release(floats);
    }
  }

  private packRows(
    { name, type, read }: MatrixSource,
    first: number,
    rows: number,
    floats: number,
    room: number,
  ): void {
    const bytes = read(first, first + rows);
    heap.f32(floats, rows * this.shape[1]).set(decodeWeights(type, bytes));
    if (this.storage.pack({ first, rows, floats, type, bytes }, room)) return;
    throw new InputError(
      `${name}: rows ${first} to ${first + rows - 1} have a weight that is not finite, or too large for ${this.dtype}`,
    );
  }
}

/** Bytes that a matrix of this shape occupies. */
export function packedBytes(shape: readonly [number, number], dtype: PackedDtype): number {
  if (dtype === "bf16" || dtype === "f16") return HalfStorage.bytesFor(shape);
  return BlockStorage.bytesFor(shape, dtype === "int4");
}

function storageAt(address: number, shape: readonly [number, number], dtype: PackedDtype): Storage {
  if (dtype === "bf16" || dtype === "f16") return new HalfStorage(address, shape, dtype === "bf16");
  return new BlockStorage(address, shape, dtype === "int4");
}

function requireAlike([first, ...others]: readonly PackedMatrix[]): void {
  const other = others.find(({ dtype, shape }) => dtype !== first.dtype || shape[1] !== first.shape[1]);
  if (other === undefined) return;
  const shown = ({ dtype, shape }: PackedMatrix) => `${dtype} [${shape}]`;
  throw new InputError(
    `packed linear: ${shown(first)} and ${shown(other)} cannot be multiplied together; they must have one dtype and as many columns`,
  );
}

function refuseGradient(dtype: PackedDtype, inputs: readonly Tensor[]): void {
  if (!needsGrad(...inputs)) return;
  throw new InputError(
    `packed linear: a gradient would have to pass weights kept as ${dtype}, which have none; keep them as f32 to train, or use noGrad()`,
  );
}
