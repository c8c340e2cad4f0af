/**
 * The fingerprint of a model: a digest of its weights and of their meaning. Remembered keys and values are useful only to the
 * model that made them, so their files carry its fingerprint.
 */
import { digest } from "../base/digest.ts";
import type { Parameters } from "../nn/parameters.ts";
import { heap } from "../wasm/runtime.ts";
import type { ModelConfig } from "./config.ts";

/** Keys that may change between two uses of the same model. */
const REPLACEABLE: readonly (keyof ModelConfig)[] = [
  "dropout",
  "memory_size",
  "memory_dtype",
  "memory_topk",
  "memory_sharpen_from",
  "memory_fade",
  "memory_search",
  "memory_buckets",
  "memory_lists",
  "memory_probes",
  "mechanism_per_bucket",
  "attention_scale_init",
  "memory_gate_init",
  "induction_init",
];

/** Keys that the parameters show. Leaving them out keeps the fingerprints of models from before these keys. */
const TOLD_BY_PARAMETERS: readonly (keyof ModelConfig)[] = ["smear_keys", "memory_copy", "mechanism_redraw"];

/** Returns the fingerprint, 16 hexadecimal digits. Reads all weights: a tenth of a second for 100 MB. */
export function fingerprint(config: ModelConfig, parameters: Parameters): string {
  const ignored = [...REPLACEABLE, ...TOLD_BY_PARAMETERS];
  const settings = Object.entries(config).filter(([key]) => !ignored.some((name) => name === key));
  const pieces: Uint8Array[] = [new TextEncoder().encode(JSON.stringify(settings.sort()))];
  for (const name of parameters.names().sort()) {
    const { ptr, size } = parameters.get(name);
    pieces.push(new TextEncoder().encode(name), heap.u8(ptr, size * 4));
  }
  return digest(pieces);
}
