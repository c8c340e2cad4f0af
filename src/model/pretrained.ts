/**
 * A model's weights as named tensors, and a model from such tensors: what `model.safetensors` holds. Whoever has them from
 * a disk, a server or a user's upload may call this; directories are the business of train/checkpoint.ts.
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

/** How weights are stored. Halves are for files alone: whoever reads them computes with floats. */
export type WeightDtype = "float32" | "float16";

/** The largest half float. */
const LARGEST_HALF = 65_504;

/** Every parameter under its Hugging Face name: views of the live weights, good until the next allocation. */
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
 * Every parameter under its Hugging Face name, rounded to the nearest half float: copies, half the bytes.
 * @throws InputError if a weight is beyond what half floats can be, or no number
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
 * The model of `config` with these weights, from the file `source`.
 * @throws InputError if a tensor is missing, surplus or of another shape than `config` says
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
