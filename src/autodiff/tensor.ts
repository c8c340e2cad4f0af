/**
 * A tensor: an address in the WebAssembly memory and a shape, row-major, float32.
 *
 * It never holds a typed array, because growing the memory would silently empty it. A step tensor lives in the arena
 * until its step ends and throws when used later; a persistent one stays until `release`. No arithmetic here (see ops/).
 */
import { parallelElements } from "../wasm/parallel.ts";
import { heap } from "../wasm/runtime.ts";
import { arena } from "./arena.ts";

/** Number of elements of a shape; 1 for a scalar's `[]`. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Thrown when a tensor of an ended step is used. */
export class StaleTensorError extends Error {
  override name = "StaleTensorError";
}

export class Tensor {
  readonly shape: readonly number[];
  readonly size: number;
  /** Whether gradients flow into this tensor: parameters, and everything computed from them. */
  requiresGrad = false;
  /** dLoss/dThis, of the same shape; made by `gradient` when backward first reaches it. */
  grad: Tensor | undefined;
  private readonly address: number;
  private readonly epoch: number | undefined;

  /** `epoch`: the arena's, for a step tensor; undefined for a persistent one. */
  constructor(address: number, shape: readonly number[], epoch: number | undefined) {
    this.address = address;
    this.shape = shape;
    this.size = sizeOf(shape);
    this.epoch = epoch;
  }

  /** The address of element 0. Throws StaleTensorError after the tensor's step has ended. */
  get ptr(): number {
    if (this.epoch !== undefined && this.epoch !== arena.epoch) {
      throw new StaleTensorError(
        `a tensor of shape [${this.shape}] was used after its step had ended; copy it out with toArray() inside the step`,
      );
    }
    return this.address;
  }

  /** A copy of the values. */
  toArray(): Float32Array {
    return heap.f32(this.ptr, this.size).slice();
  }

  /** The value of a one-element tensor. */
  item(): number {
    if (this.size !== 1) throw new Error(`item() wants one element, this tensor has shape [${this.shape}]`);
    return heap.f32(this.ptr, 1)[0];
  }

  /** Overwrites the values. Throws when the lengths differ. */
  set(values: ArrayLike<number>): this {
    if (values.length !== this.size) {
      throw new Error(`${values.length} values do not fill a tensor of shape [${this.shape}]`);
    }
    heap.f32(this.ptr, this.size).set(values);
    return this;
  }

  fill(value: number): this {
    heap.f32(this.ptr, this.size).fill(value);
    return this;
  }
}

/** A tensor of the running step, contents undefined. */
export function stepTensor(shape: readonly number[]): Tensor {
  return new Tensor(arena.allocate(sizeOf(shape) * 4), shape, arena.epoch);
}

/** A zeroed tensor of the running step. */
export function stepZeros(shape: readonly number[]): Tensor {
  const tensor = stepTensor(shape);
  parallelElements("zero", tensor.size, tensor.ptr);
  return tensor;
}

/** A zeroed tensor that outlives steps. */
export function persistentTensor(shape: readonly number[]): Tensor {
  const tensor = new Tensor(heap.allocate(sizeOf(shape) * 4), shape, undefined);
  parallelElements("zero", tensor.size, tensor.ptr);
  return tensor;
}

/** A persistent tensor that gradients flow into. Its gradient is persistent too, and zero. */
export function parameter(shape: readonly number[], values?: ArrayLike<number>): Tensor {
  const tensor = persistentTensor(shape);
  if (values !== undefined) tensor.set(values);
  tensor.requiresGrad = true;
  tensor.grad = persistentTensor(shape);
  return tensor;
}

/** A step tensor with the given values: constants, masks, test inputs. */
export function tensor(values: ArrayLike<number>, shape: readonly number[] = [values.length]): Tensor {
  return stepTensor(shape).set(values);
}

/** Address of a copy of whole numbers (token ids, targets, counts) as i32, good for the running step. */
export function stepIntegers(values: ArrayLike<number>): number {
  const address = arena.allocate(values.length * 4);
  heap.i32(address, values.length).set(values);
  return address;
}

/** Address of x's gradient, to be added to; made and zeroed when first asked for. */
export function gradient(x: Tensor): number {
  x.grad ??= stepZeros(x.shape);
  return x.grad.ptr;
}

/**
 * Address of x's gradient for an op that can write as well as add, and whether it has to add. A gradient that is made here
 * is not zeroed: the op must write all of it.
 */
export function gradientTarget(x: Tensor): [address: number, accumulate: boolean] {
  const accumulate = x.grad !== undefined;
  x.grad ??= stepTensor(x.shape);
  return [x.grad.ptr, accumulate];
}

/** [..., C] → [N, C]: how row kernels see a tensor. */
export function asRows(x: Tensor): [rows: number, width: number] {
  const width = x.shape[x.shape.length - 1] ?? 1;
  return [width === 0 ? 0 : x.size / width, width];
}
