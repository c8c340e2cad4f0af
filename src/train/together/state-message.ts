/** States of a training as bytes, which stay in an exchange from one round to the next: named tensors, and a record as JSON. */
import { InputError } from "../../base/errors.ts";
import { parseJson } from "../../formats/json.ts";
import { floatTensor, readSafetensors, type StoredTensor, writeSafetensors } from "../../formats/safetensors.ts";

/** Most bytes of a state. */
export const MOST_OF_STATE = 2 ** 32;

const WEIGHTS = "weights";

export type Tensors = ReadonlyMap<string, StoredTensor>;

export function stateBytes(tensors: Tensors, record: object = {}): Uint8Array {
  return writeSafetensors(tensors, { record: JSON.stringify(record) });
}

/** The tensors and the record of a state. `what` names it in messages. */
export function stateIn(bytes: Uint8Array, what: string): { tensors: Map<string, StoredTensor>; record: unknown } {
  const { tensors, metadata } = readSafetensors(bytes, what);
  return { tensors, record: parseJson(metadata.record ?? "null", `the record of ${what} is not JSON`) };
}

/** All weights under one name. */
export function weightsTensor(weights: Float32Array): [string, StoredTensor] {
  return [WEIGHTS, floatTensor([weights.length], weights)];
}

/** Takes the weights, [count], out of the tensors. @throws InputError if they are missing, or those of another model */
export function takeWeights(tensors: Map<string, StoredTensor>, count: number, what: string): Float32Array {
  const tensor = tensors.get(WEIGHTS);
  tensors.delete(WEIGHTS);
  if (tensor?.dtype === "F32" && tensor.data.length === count) return tensor.data;
  throw new InputError(`${what} does not have the weights of this model`);
}
