/** Models of a few numbers, as files in memory. */

import type { Family } from "../../src/families/architecture.ts";
import { families } from "../../src/families/families.ts";
import type { ModelFiles } from "../../src/families/foreign-model.ts";
import { parameterPlaces } from "../../src/families/parameter-places.ts";
import { sourceOf } from "../../src/formats/byte-source.ts";
import { type StoredTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { describe, smallConfigs } from "./golden-models.ts";

/** The content of a directory: bytes, or what JSON is made of. */
export type Directory = Record<string, unknown>;

/** The directory as a program that reads models sees it. */
export function modelFiles(directory: Directory): ModelFiles {
  const open = (file: string) => {
    const content = directory[file];
    if (content === undefined) return undefined;
    const bytes = content instanceof Uint8Array ? content : new TextEncoder().encode(JSON.stringify(content));
    return sourceOf(bytes, file);
  };
  return { name: "the model", open };
}

/** The bytes of an array. */
export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** GPT-2 of one layer and one head of 2, saved without its head: weights count from 1, biases from 0. */
export function gpt2Files(): Directory {
  const config = { ...smallConfigs.gpt2, n_embd: 2, n_head: 1 };
  return {
    "config.json": config,
    "model.safetensors": writeSafetensors(smallTensors("gpt2", { n_embd: 2, n_head: 1 }, "")),
  };
}

/** The tensors of a small model of the family, each numbered through. */
export function smallTensors(
  family: Family,
  changes: Record<string, unknown> = {},
  prefix = families[family].names.prefix,
): Map<string, StoredTensor> {
  const places = parameterPlaces(describe(family, changes), families[family].names, prefix);
  return new Map(
    places.map(({ tensor, tensorShape: shape }) => {
      const length = shape.reduce((product, axis) => product * axis, 1);
      const first = tensor.endsWith("bias") ? 0 : 1;
      return [tensor, { dtype: "F32", shape, data: Float32Array.from({ length }, (_, i) => first + i) }];
    }),
  );
}

/** A small model of the family, whose tensors `change` may alter. */
export function smallModel(
  family: Family,
  changes: Record<string, unknown> = {},
  change: (tensors: Map<string, StoredTensor>) => void = () => {},
): Directory {
  const tensors = smallTensors(family, changes);
  change(tensors);
  const config = Object.entries({ ...smallConfigs[family], ...changes }).filter(([, value]) => value !== undefined);
  return { "config.json": Object.fromEntries(config), "model.safetensors": writeSafetensors(tensors) };
}
