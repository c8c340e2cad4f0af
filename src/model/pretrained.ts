/**
 * A model's weights as named tensors, and a model from such tensors: what `model.safetensors` holds. Whoever has them from
 * a disk, a server or a user's upload may call this; directories are the business of train/checkpoint.ts.
 */
import { heap } from "../wasm/runtime.ts";
import type { ModelConfig } from "./config.ts";
import { parameterShapes } from "./parameters.ts";
import type { StoredTensor } from "./safetensors.ts";
import { TensorReader } from "./tensor-reader.ts";
import { Transformer } from "./transformer.ts";

/** Every parameter under its Hugging Face name: views of the live weights, good until the next allocation. */
export function modelTensors({ parameters }: Transformer): Map<string, StoredTensor> {
  const entries = parameters.names().map((name): [string, StoredTensor] => {
    const { shape, ptr, size } = parameters.get(name);
    return [name, { dtype: "F32", shape, data: heap.f32(ptr, size) }];
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
  const reader = new TensorReader(tensors, source);
  const weights = [...parameterShapes(config)].map(([name, shape]) => [name, reader.floats(name, shape)] as const);
  reader.end();
  const model = new Transformer(config, null);
  for (const [name, values] of weights) model.parameters.get(name).set(values);
  return model;
}
