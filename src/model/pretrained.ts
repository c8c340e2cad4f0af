/**
 * A model's weights as named tensors, the content of `model.safetensors`, and a model from such tensors. The tensors may come
 * from a disk, a server or a user's upload. train/checkpoint.ts handles directories.
 */
import { aText, check } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { quote } from "../formats/json-scanner.ts";
import { requireStoredTensors, type StoredTensor } from "../formats/safetensors.ts";
import { TensorReader } from "../formats/tensor-reader.ts";
import { asHalves } from "../wasm/half.ts";
import { heap } from "../wasm/runtime.ts";
import { type ModelConfig, parseConfig } from "./config.ts";
import { parameterShapes } from "./parameters.ts";
import { aModel, Transformer } from "./transformer.ts";

/** The format of stored weights. Halves exist only in files; a loaded model computes with floats. */
export type WeightDtype = "float32" | "float16";

/** The largest half float. */
const LARGEST_HALF = 65_504;

/** Returns every parameter under its Hugging Face name, as views of the live weights. Valid until the next allocation. */
export function modelTensors(model: Transformer): Map<string, StoredTensor> {
  check("model", model, aModel);
  const { parameters } = model;
  const entries = parameters.names().map((name): [string, StoredTensor] => {
    const { shape, ptr, size } = parameters.get(name);
    return [name, { dtype: "F32", shape, data: heap.f32(ptr, size) }];
  });
  return new Map(entries);
}

/**
 * Returns copies of every parameter under its Hugging Face name, rounded to the nearest half float. They take half the bytes.
 * @throws InputError if a weight is outside the range of half floats, or NaN
 */
export function halfModelTensors(model: Transformer): Map<string, StoredTensor> {
  check("model", model, aModel);
  const { parameters } = model;
  const entries = parameters.names().map((name): [string, StoredTensor] => {
    const { shape } = parameters.get(name);
    const data = parameters.get(name).toArray();
    const place = data.findIndex((value) => !(Math.abs(value) <= LARGEST_HALF));
    if (place < 0) return [name, { dtype: "F16", shape, data: asHalves(data) }];
    const limit = `float16 has only numbers from -${LARGEST_HALF} to ${LARGEST_HALF}`;
    throw new InputError(`tensor ${quote(name)} has ${data[place]} at element ${place}, but ${limit}`);
  });
  return new Map(entries);
}

/**
 * Returns the model of `config` with these weights. `source` names their file in messages.
 * @throws InputError if a tensor is missing, unexpected, or has another shape than `config` requires
 */
export function modelFromTensors(
  config: ModelConfig,
  tensors: ReadonlyMap<string, StoredTensor>,
  source: string,
): Transformer {
  check("source", source, aText);
  requireStoredTensors(tensors);
  const reader = new TensorReader(tensors, source);
  const weights = [...parameterShapes(parseConfig(config, "config"))].map(
    ([name, shape]) => [name, reader.floats(name, shape)] as const,
  );
  reader.end();
  const model = new Transformer(config, null);
  for (const [name, values] of weights) model.parameters.get(name).set(values);
  return model;
}
