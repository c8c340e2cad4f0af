/** What a configuration asks of a state: which models it fits, and how its memories search. */
import { InputError } from "../base/errors.ts";
import { mechanismFields } from "../mechanisms/settings.ts";
import type { MemoryOptions } from "../memory/options.ts";
import type { ModelConfig } from "./config.ts";

/** The keys that determine the shapes of a state's contexts and memories, and the tokens that pairs vote for. */
const shapeKeys = [
  "mechanism",
  ...(Object.keys(mechanismFields) as (keyof typeof mechanismFields)[]),
  "vocab_size",
  "hidden_size",
  "num_hidden_layers",
  "num_attention_heads",
  "head_dim",
  "segment_length",
  "xl_cache_length",
  "memory_layers",
  "smear_keys",
  "memory_copy",
] as const satisfies (keyof ModelConfig)[];

/** @throws InputError that names the first key in which the configurations of a state and of a model differ in shape */
export function requireSameShapes(ofState: ModelConfig, ofModel: ModelConfig): void {
  if (ofState === ofModel) return;
  const other = shapeKeys.find((key) => String(ofState[key]) !== String(ofModel[key]));
  if (other === undefined) return;
  const [own, asked] = [ofState, ofModel].map((each) => each[other] ?? "none");
  throw new InputError(
    `state: it is that of a model with ${other} ${own}; this model has ${asked}, so make a state with its newState()`,
  );
}

/** How the memories of a model search and store. */
export function memoryOptionsOf(config: ModelConfig): MemoryOptions {
  const { memory_search: kind, memory_buckets: bucketsPerNeighbour, memory_dtype: dtype } = config;
  const { memory_lists: lists, memory_probes: probes } = config;
  return { kind, bucketsPerNeighbour, lists, probes, dtype };
}
