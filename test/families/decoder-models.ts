/** Models of golden files as decoders, and what the files say of them. */
import * as assert from "uvu/assert";
import type { Architecture } from "../../src/families/architecture.ts";
import { Decoder } from "../../src/families/decoder.ts";
import { families } from "../../src/families/families.ts";
import type { ForeignModel } from "../../src/families/foreign-model.ts";
import { loadForeign } from "../../src/families/load-foreign.ts";
import { readParameters } from "../../src/families/read-parameters.ts";
import { floatWeights } from "../../src/families/weights.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { safetensorsWeights } from "../../src/formats/safetensors-weights.ts";
import { fileRanges } from "../../src/platform/file-ranges.ts";
import { readFile } from "../../src/platform/read-file.ts";

/** Numbers of a golden file by name. */
export interface Expected {
  readonly names: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  f32(name: string): Float32Array;
  i32(name: string): Int32Array;
  shape(name: string): readonly number[];
}

export function expectedOf(path: string): Expected {
  const { tensors, metadata } = readSafetensors(readFile(path), path);
  const get = (name: string, dtype: string) => {
    const tensor = tensors.get(name);
    if (tensor?.dtype !== dtype) throw new Error(`${path} has no ${dtype} tensor ${name}`);
    return tensor;
  };
  return {
    names: [...tensors.keys()],
    metadata,
    f32: (name) => get(name, "F32").data as Float32Array,
    i32: (name) => get(name, "I32").data as Int32Array,
    shape: (name) => tensors.get(name)?.shape ?? [],
  };
}

/** The model at `path` with its weights widened to floats. A variant may change its description and its weights. */
export function decoderAt(
  path: string,
  { learns = false, change = identity }: { learns?: boolean; change?: Change } = {},
) {
  const { architecture, parameters } = change(loadForeign(path));
  return new Decoder(architecture, floatWeights(architecture, parameters, learns));
}

/** What a decoder is made of. */
type Described = Pick<ForeignModel, "architecture" | "parameters">;

/** What a wrong variant makes of a model. */
export type Change = (model: Described) => Described;

const identity: Change = (model) => model;

/** The gradients of a golden file by canonical name, in the layout of this program: a file of gradients is read as one of weights. */
export function gradientsOf(path: string, architecture: Architecture): Map<string, Float32Array> {
  const file = safetensorsWeights(fileRanges(path));
  const tensors = [...file.tensors.values()]
    .filter(({ name }) => name.startsWith("grad."))
    .map((tensor) => ({ ...tensor, name: tensor.name.slice("grad.".length) }));
  const gradients = { name: path, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
  const { parameters } = readParameters(gradients, architecture, families[architecture.family].names);
  return new Map([...parameters].map(([name, { floats }]) => [name, floats()]));
}

/** Largest |a − b|. */
export function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.is(actual.length, expected.length);
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    if (!(difference <= largest)) largest = difference; // NaN is kept
  }
  return largest;
}
