/**
 * Takes tensors out of a safetensors file by name and shape, and refuses what does not fit: a tensor that is missing, has
 * another shape or another kind of number, holds a NaN or an infinity, or that nobody asked for. Used wherever a file must
 * match a model exactly.
 */
import { InputError } from "../base/errors.ts";
import { asFloats, firstNotFinite, type StoredNumbers } from "../wasm/half.ts";
import { quote } from "./json-scanner.ts";
import type { StoredTensor } from "./safetensors.ts";

/** Takes tensors out of a file by name and shape, and refuses what does not fit. */
export class TensorReader {
  /** The file, as messages name it. */
  readonly source: string;
  private readonly tensors: ReadonlyMap<string, StoredTensor>;
  private readonly taken = new Set<string>();

  /** Reads `tensors`, which messages call `source`. */
  constructor(tensors: ReadonlyMap<string, StoredTensor>, source: string) {
    this.tensors = tensors;
    this.source = source;
  }

  /** Whether the file has a tensor of this name. */
  has(name: string): boolean {
    return this.tensors.has(name);
  }

  /** The numbers of a tensor of 32-bit floats; half floats are widened. */
  floats(name: string, shape: readonly number[]): Float32Array {
    return asFloats(this.numbers(name, shape));
  }

  /** The numbers of a tensor of 32-bit floats, or the bits of half floats, as the file has them. */
  numbers(name: string, shape: readonly number[]): StoredNumbers {
    const tensor = this.take(name, shape);
    if (tensor.dtype !== "F32" && tensor.dtype !== "F16") return this.refuseDtype(name, tensor, "F32 or F16");
    const place = firstNotFinite(tensor.data);
    if (place < 0) return tensor.data;
    throw new InputError(`${this.source}: element ${place} of tensor ${quote(name)} is not a finite number`);
  }

  /** The numbers of a tensor of 64-bit integers, each from 0 to `most`. */
  integers(name: string, shape: readonly number[], most: number): number[] {
    const tensor = this.take(name, shape);
    if (tensor.dtype !== "I64") return this.refuseDtype(name, tensor, "I64");
    const numbers = Array.from(tensor.data, Number);
    for (const number of numbers) this.checkRange(name, number, most);
    return numbers;
  }

  /** The numbers of a tensor of 32-bit integers, each from 0 to `most`. */
  indices(name: string, shape: readonly number[], most: number): Int32Array {
    const tensor = this.take(name, shape);
    if (tensor.dtype !== "I32") return this.refuseDtype(name, tensor, "I32");
    for (const number of tensor.data) this.checkRange(name, number, most);
    return tensor.data;
  }

  /** All tensors whose names begin with `prefix`, unchecked, by the rest of their names. */
  rest(prefix: string): Map<string, StoredTensor> {
    const found = [...this.tensors].filter(([name]) => name.startsWith(prefix));
    for (const [name] of found) this.taken.add(name);
    return new Map(found.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
  }

  /** To be called when everything has been taken: refuses a tensor that is left. */
  end(): void {
    for (const [name, { shape }] of this.tensors) {
      if (this.taken.has(name)) continue;
      throw new InputError(
        `${this.source}: tensor ${quote(name)} of shape [${shape}] belongs to no part of this model`,
      );
    }
  }

  /** Takes a tensor once, if it has the shape. */
  private take(name: string, shape: readonly number[]): StoredTensor {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) {
      throw new InputError(`${this.source}: tensor ${quote(name)} is missing; its shape should be [${shape}]`);
    }
    if (tensor.shape.join() !== shape.join()) {
      throw new InputError(
        `${this.source}: tensor ${quote(name)} has shape [${tensor.shape}], it should be [${shape}]`,
      );
    }
    this.taken.add(name);
    return tensor;
  }

  /** Refuses a number that is not from 0 to `most`. */
  private checkRange(name: string, number: number, most: number): void {
    if (number >= 0 && number <= most) return;
    throw new InputError(`${this.source}: tensor ${quote(name)} holds ${number}, which is not from 0 to ${most}`);
  }

  /** Refuses a tensor of another kind of number. */
  private refuseDtype(name: string, { dtype }: StoredTensor, wanted: string): never {
    throw new InputError(`${this.source}: tensor ${quote(name)} has dtype ${dtype}, it should be ${wanted}`);
  }
}
