/** The files of a directory that `transformers` loads: a configuration, weights, and what a model has besides. */

import { jsonText } from "../formats/json-file.ts";
import { type StoredTensor, writeSafetensors } from "../formats/safetensors.ts";
import type { Architecture } from "./architecture.ts";
import type { Companions } from "./companions.ts";
import { dtypeNames } from "./export-types.ts";
import { families } from "./families.ts";
import { OFFSETS_FILE, type TrainedMemory, writeOffsets } from "./offsets-file.ts";
import { type ExportedParameter, type ExportType, writeParameters } from "./write-parameters.ts";

/** A model to be written. */
export interface WrittenModel {
  readonly architecture: Architecture;
  /** By canonical name. */
  readonly parameters: ReadonlyMap<string, ExportedParameter>;
  readonly companions: Companions;
  /** What a training of its memory left, if there was one. */
  readonly trained?: TrainedMemory;
}

/** What `transformers` asks of every file of weights. */
const FORMAT = { format: "pt" };

/** The contents of the files by name, the weights last. `metadata` go into the file of weights. */
export function directoryFiles(
  { architecture, parameters, companions, trained }: WrittenModel,
  metadata: Readonly<Record<string, string>> = {},
): Map<string, Uint8Array | string> {
  const tensors = writeParameters(architecture, parameters, families[architecture.family]);
  return new Map<string, Uint8Array | string>([
    ["config.json", jsonText(configOf(companions.config, architecture, tensors))],
    ...companions.files,
    ...(trained === undefined ? [] : [[OFFSETS_FILE, writeOffsets(trained)] as const]),
    ["model.safetensors", writeSafetensors(tensors, { ...FORMAT, ...metadata })],
  ]);
}

/** The configuration with the kind of number that holds all weights. A model with a head of its own says so. */
function configOf(
  config: Companions["config"],
  { tiedHead }: Architecture,
  tensors: ReadonlyMap<string, StoredTensor>,
): Record<string, unknown> {
  const types = new Set([...tensors.values()].map(({ dtype }) => dtype as ExportType));
  const [only] = types;
  const dtype = dtypeNames[types.size === 1 ? only : "F32"];
  const known = ["dtype", "torch_dtype"].filter((key) => Object.hasOwn(config, key));
  const keys = known.length > 0 ? known : ["dtype"];
  return { ...config, tie_word_embeddings: tiedHead, ...Object.fromEntries(keys.map((key) => [key, dtype])) };
}
