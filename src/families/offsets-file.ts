/**
 * The file `memory_offsets.safetensors` next to a model whose memory was trained: for each layer that had a memory
 * `layers.N.memory_offset [H]`, what is added to the logits of the pairs that a query head retrieves. Its metadata say which
 * parameters learned, and how the model read meanwhile, so that it reads like that from then on.
 */
import { isPlainObject } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import { parseJson } from "../formats/json.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../formats/safetensors.ts";
import { TensorReader } from "../formats/tensor-reader.ts";
import type { Architecture } from "./architecture.ts";
import { memoryLayersOf, type ReadingSettings, readingSettings } from "./reading-settings.ts";
import { offsetName } from "./weights.ts";

/** Its name. */
export const OFFSETS_FILE = "memory_offsets.safetensors";

/** The parameters that a training may move: the offsets alone, or with them all of the layers that have a memory, or all there are. */
export type LearningPart = "offsets" | "memory-layers" | "all";

/** All of them. */
export const learningParts: readonly LearningPart[] = ["offsets", "memory-layers", "all"];

/** The content of the file. */
export interface TrainedMemory {
  /** By layer, [H] each. */
  readonly offsets: ReadonlyMap<number, Float32Array>;
  /** The parameters that learned. */
  readonly learned: LearningPart;
  /** How the model read. */
  readonly settings: ReadingSettings;
}

/** The bytes of the file. */
export function writeOffsets({ offsets, learned, settings }: TrainedMemory): Uint8Array {
  const tensors = [...offsets].map(([layer, data]): [string, StoredTensor] => {
    return [offsetName(layer), { dtype: "F32", shape: [data.length], data }];
  });
  return writeSafetensors(new Map(tensors), { learned, settings: JSON.stringify(settings) });
}

/** The content of such a file, `source` in messages. Throws an InputError if it is damaged, or does not fit the model. */
export function readOffsets(bytes: Uint8Array, source: string, architecture: Architecture): TrainedMemory {
  const { tensors, metadata } = readSafetensors(bytes, source);
  const learned = learningParts.find((part) => part === metadata.learned);
  if (learned === undefined) {
    throw new InputError(`${source}: learned is ${show(metadata.learned)}; it must be ${learningParts.join(" or ")}`);
  }
  const settings = settingsIn(metadata.settings, source, architecture);
  const reader = new TensorReader(tensors, source);
  const offsets = memoryLayersOf(settings).map((layer): [number, Float32Array] => {
    return [layer, reader.floats(offsetName(layer), [architecture.heads])];
  });
  reader.end();
  return { offsets: new Map(offsets), learned, settings };
}

function settingsIn(text: string | undefined, source: string, architecture: Architecture): ReadingSettings {
  const json = parseJson(text ?? "null", `${source}: settings is not valid JSON`);
  if (!isPlainObject(json)) throw new InputError(`${source} has no settings, an object that says how the model read`);
  return readingSettings(architecture, json, source);
}
