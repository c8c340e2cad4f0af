/**
 * A tensor: an address on the heap and a shape, row-major, float32; and the arena, in which those of a step live.
 *
 * A tensor never holds a typed array, because growing WebAssembly's memory would silently empty it. A step tensor lives in the arena
 * until its step ends, a persistent one until its owner is released; both throw when used later. For arithmetic see ops/.
 */
import { check, instance, isArrayOf, type Kind, listOf, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { allOrNothing, Lifetime, type Releasable } from "../base/lifetime.ts";
import { type Address, ALIGNMENT, OutOfMemoryError } from "../wasm/heap.ts";
import { parallelElements } from "../wasm/parallel.ts";
import { heap } from "../wasm/runtime.ts";

const LEAST_CHUNK = 1 << 20;

interface Chunk {
  address: Address;
  bytes: number;
}

/**
 * The step arena: a bump pointer for everything that one step makes, freed by one reset when the step ends.
 *
 * Tensors need neither reference counts nor `dispose`: each remembers its epoch, and a reset starts the next epoch.
 * The first step may take several chunks. The reset merges them into one, so from the second step on the arena keeps its size.
 * Parameters, moments, caches and memories live on the heap itself.
 */
class Arena {
  /** Grows by one at every reset. */
  epoch = 0;
  private chunks: Chunk[] = [];
  private offset = 0;
  private usedBefore = 0;

  /** Returns the address of `bytes` bytes, 64-byte aligned, contents undefined, valid until the reset. */
  allocate(bytes: number): Address {
    const size = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    let chunk = this.chunks[this.chunks.length - 1];
    if (chunk === undefined || this.offset + size > chunk.bytes) chunk = this.addChunk(size);
    const address = chunk.address + this.offset;
    this.offset += size;
    return address;
  }

  /** Bytes handed out since the last reset. */
  get bytesUsed(): number {
    return this.usedBefore + this.offset;
  }

  /** Bytes taken from the heap. */
  get bytesReserved(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
  }

  /** Frees everything; all tensors of the ended epoch are stale. */
  reset(): void {
    this.epoch++;
    if (this.chunks.length > 1) this.melt();
    this.offset = 0;
    this.usedBefore = 0;
  }

  /** Merges all chunks into one. If the heap lacks a block of that size, the next step starts without a chunk. */
  private melt(): void {
    const bytes = this.bytesReserved;
    for (const chunk of this.chunks.splice(0)) heap.release(chunk.address);
    try {
      this.chunks.push({ address: heap.allocate(bytes), bytes });
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
  }

  /** Adds a chunk. Chunks double the arena, so a step of any size takes few of them; where the heap lacks that much, one takes half of it. */
  private addChunk(least: number): Chunk {
    const [doubled, left] = [Math.max(LEAST_CHUNK, least, this.bytesReserved), heap.bytesAvailable];
    const bytes = doubled <= left ? doubled : Math.max(least, Math.floor(left / 2));
    const chunk = { address: heap.allocate(bytes), bytes };
    this.usedBefore += this.offset;
    this.offset = 0;
    this.chunks.push(chunk);
    return chunk;
  }
}

export const arena = new Arena();

/** Returns the number of elements of a shape; 1 for a scalar's `[]`. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Thrown when a tensor of an ended step is used. */
export class StaleTensorError extends Error {
  override name = "StaleTensorError";
}

/** An array of floats on the heap, with a shape and perhaps a gradient. */
export class Tensor {
  /** Extents, outermost first; [] for a single number. */
  readonly shape: readonly number[];
  /** Number of elements: the product of the extents. */
  readonly size: number;
  /** Whether gradients flow into this tensor: parameters, and everything computed from them. */
  requiresGrad = false;
  /** dLoss/dThis, of the same shape; `gradient` makes it when backward first reaches this tensor. */
  grad: Tensor | undefined;
  /** Address of element 0. */
  protected readonly address: Address;
  private readonly life: Lifetime | number;

  /** `life`: the owner's for a persistent tensor, the arena's epoch for a step tensor. */
  constructor(address: Address, shape: readonly number[], life: Lifetime | number) {
    this.address = address;
    this.shape = shape;
    this.size = sizeOf(shape);
    this.life = life;
  }

  /** Address of element 0. Throws StaleTensorError after the tensor's step has ended, ReleasedError after its owner's release. */
  get ptr(): Address {
    const { life } = this;
    if (typeof life === "object") life.require();
    else if (life !== arena.epoch) {
      throw new StaleTensorError(
        `a tensor of shape [${this.shape}] was used after its step had ended; copy it out with toArray() inside the step`,
      );
    }
    return this.address;
  }

  /** Returns a copy of the values. */
  toArray(): Float32Array {
    return heap.f32(this.ptr, this.size).slice();
  }

  /** Returns the value of a one-element tensor. */
  item(): number {
    if (this.size !== 1) throw new InputError(`item() wants one element, this tensor has shape [${this.shape}]`);
    return heap.f32(this.ptr, 1)[0];
  }

  /** Overwrites the values. Throws InputError if the lengths differ. */
  set(values: ArrayLike<number>): this {
    requireValues(values, this.shape);
    heap.f32(this.ptr, this.size).set(values);
    return this;
  }

  /** Sets every number to `value`. */
  fill(value: number): this {
    check("value", value, aNumber);
    heap.f32(this.ptr, this.size).fill(value);
    return this;
  }
}

const aNumber: Kind = { what: "a number", accepts: (value) => typeof value === "number" };

/** Typed arrays of numbers (not of bigints) and plain arrays of numbers. NaN and infinities are numbers. */
const numbers: Kind = {
  what: "an array of numbers",
  accepts: (value) => isArrayOf(value, aNumber.accepts) || isTypedArray(value),
};

function isTypedArray(value: unknown): boolean {
  return (
    ArrayBuffer.isView(value) &&
    !(value instanceof DataView || value instanceof BigInt64Array || value instanceof BigUint64Array)
  );
}

/** @throws InputError if the values do not fill the shape */
function requireValues(values: ArrayLike<number>, shape: readonly number[]): void {
  check("values", values, numbers);
  check("shape", shape, aShape);
  if (values.length !== sizeOf(shape)) {
    throw new InputError(`${values.length} values do not fill a tensor of shape [${shape}]`);
  }
}

/** A tensor's shape. */
export const aShape: Kind = listOf(whole(0, 2 ** 32));
const aTensor: Kind = instance(Tensor, "a Tensor");

/** @throws InputError that names the first argument that is not a tensor */
export function requireTensors(args: Readonly<Record<string, unknown>>): void {
  for (const name in args) if (!(args[name] instanceof Tensor)) check(name, args[name], aTensor);
}

/** @throws InputError if the argument called `name` is not a tensor of two axes */
export function requireMatrix(name: string, value: Tensor): void {
  requireTensors({ [name]: value });
  if (value.shape.length !== 2) throw new InputError(`${name}: got the shape [${value.shape}]; it must have two axes`);
}

/** Returns a tensor of the running step, contents undefined. */
export function stepTensor(shape: readonly number[]): Tensor {
  return new Tensor(arena.allocate(sizeOf(shape) * 4), shape, arena.epoch);
}

/** Returns a zeroed tensor of the running step. */
export function stepZeros(shape: readonly number[]): Tensor {
  const tensor = stepTensor(shape);
  parallelElements("zero", tensor.size, tensor.ptr);
  return tensor;
}

/** A tensor that outlives steps, with a block of its own. */
export class PersistentTensor extends Tensor implements Releasable {
  private readonly block: Lifetime;

  /** Allocates it, zeroed. */
  constructor(shape: readonly number[]) {
    const life = new Lifetime(`the tensor of shape [${shape}]`);
    super(heap.allocate(sizeOf(shape) * 4), shape, life);
    this.block = life;
    parallelElements("zero", this.size, this.ptr);
  }

  /** Frees its block, and its gradient's if it has one. Do not use the tensor afterwards. */
  release(): void {
    const { grad } = this;
    this.block.end(() => heap.release(this.address));
    if (grad instanceof PersistentTensor) grad.release();
  }

  /** Releases it at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }
}

/** Returns a zeroed tensor that outlives steps. */
export function persistentTensor(shape: readonly number[]): PersistentTensor {
  return new PersistentTensor(shape);
}

/** Returns a persistent tensor that gradients flow into. Its gradient is also persistent, and zero. */
export function parameter(shape: readonly number[], values?: ArrayLike<number>): PersistentTensor {
  check("shape", shape, aShape);
  return allOrNothing((own) => {
    const tensor = own(persistentTensor([...shape]));
    if (values !== undefined) tensor.set(values);
    tensor.requiresGrad = true;
    tensor.grad = persistentTensor(tensor.shape);
    return tensor;
  });
}

/** Returns a step tensor with the given values: constants, masks, test inputs. */
export function tensor(values: ArrayLike<number>, shape: readonly number[] = [values?.length]): Tensor {
  requireValues(values, shape);
  return stepTensor([...shape]).set(values);
}

/** Returns x as a constant of the running step: the same numbers, and gradients stop here. */
export function detached(x: Tensor): Tensor {
  return new Tensor(x.ptr, x.shape, arena.epoch);
}

/** Returns the address of a copy of whole numbers (token ids, targets, counts) as i32, valid for the running step. */
export function stepIntegers(values: ArrayLike<number>): Address {
  const address = arena.allocate(values.length * 4);
  heap.i32(address, values.length).set(values);
  return address;
}

/** Returns the address of x's gradient, for a backward to add to. The first call makes it, zeroed. */
export function gradient(x: Tensor): Address {
  x.grad ??= stepZeros(x.shape);
  return fitting(x, x.grad).ptr;
}

/** @throws InputError if the gradient, which a caller set, is not of x's size */
function fitting(x: Tensor, grad: Tensor): Tensor {
  if (grad.size === x.size) return grad;
  throw new InputError(`a tensor of shape [${x.shape}] cannot have a gradient of shape [${grad.shape}]`);
}

/**
 * Returns the address of x's gradient for an op that can write as well as add, and whether it must add. A gradient that is made
 * here is not zeroed: the op must write all of it.
 */
export function gradientTarget(x: Tensor): [address: Address, accumulate: boolean] {
  const accumulate = x.grad !== undefined;
  x.grad ??= stepTensor(x.shape);
  return [fitting(x, x.grad).ptr, accumulate];
}

/** Returns N and C of a tensor [..., C] seen as [N, C], as row kernels see it. */
export function asRows(x: Tensor): [rows: number, width: number] {
  const width = x.shape[x.shape.length - 1] ?? 1;
  return [width === 0 ? 0 : x.size / width, width];
}
