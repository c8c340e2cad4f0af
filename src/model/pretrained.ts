/**
 * A model's weights as a safetensors file, and a model from such a file. Bytes in, bytes out: whoever has them from a
 * disk, a server or a user's upload may call this. Directories are the business of train/checkpoint.ts.
 */
import { heap } from "../wasm/runtime.ts";
import type { ModelConfig } from "./config.ts";
import { parameterShapes } from "./parameters.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "./safetensors.ts";
import { TensorReader } from "./tensor-reader.ts";
import { Transformer } from "./transformer.ts";

/** The content of a `model.safetensors`: every parameter under its Hugging Face name, and `metadata`. */
export function encodeModel(model: Transformer, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const weights = model.parameters.names().map((name): [string, StoredTensor] => {
    const { shape, ptr, size } = model.parameters.get(name);
    return [name, { dtype: "F32", shape, data: heap.f32(ptr, size) }];
  });
  return writeSafetensors(new Map(weights), metadata);
}

/**
 * The model of `config` with the weights of a `model.safetensors`, which messages call `source`.
 * @throws InputError if the file is damaged, or a tensor is missing, surplus or of another shape than `config` says
 */
export function decodeModel(config: ModelConfig, bytes: Uint8Array, source: string): Transformer {
  const reader = new TensorReader(readSafetensors(bytes, source).tensors, source);
  const weights = [...parameterShapes(config)].map(([name, shape]) => [name, reader.floats(name, shape)] as const);
  reader.end();
  const model = new Transformer(config);
  for (const [name, values] of weights) model.parameters.get(name).set(values);
  return model;
}
