/** Files of weights, whatever their format: tensors by name, whose bytes are read when somebody asks for them. */
import { InputError } from "../base/errors.ts";
import { quote } from "./json-scanner.ts";
import { decodeWeights, isWeightType, WEIGHT_TYPES, type WeightType } from "./weight-types.ts";

/** A tensor of a file. Its numbers may be of a kind that is never a weight, such as the bytes of a mask. */
export interface FileTensor {
  /** As the file names it. */
  readonly name: string;
  /** The kind of number, as the file names it. */
  readonly dtype: string;
  /** Row-major: the last axis is contiguous. */
  readonly shape: readonly number[];
  /** Bytes of its numbers. */
  readonly size: number;
  /** Reads them. */
  bytes(): Uint8Array;
}

/** A file, or the parts of one. */
export interface WeightFile {
  /** The file, as messages name it. */
  readonly name: string;
  readonly tensors: ReadonlyMap<string, FileTensor>;
}

/** The kind of number of a tensor that is a weight. Throws an InputError that names the file and the tensor for any other. */
export function weightTypeOf({ name, dtype }: FileTensor, source: string): WeightType {
  if (isWeightType(dtype)) return dtype;
  throw new InputError(
    `${source}: tensor ${quote(name)} has dtype ${quote(dtype)}; weights can be ${WEIGHT_TYPES.join(", ")}`,
  );
}

/** The floats of a tensor that is a weight, whatever its kind of number. */
export function floatsOf(tensor: FileTensor, source: string): Float32Array {
  return decodeWeights(weightTypeOf(tensor, source), tensor.bytes());
}
