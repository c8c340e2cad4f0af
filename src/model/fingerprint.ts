/**
 * What tells one model from another: a digest of its weights and of what they mean. Keys and values are of use only to the
 * model that made them, so files that hold some carry it.
 */
import { digest } from "../base/digest.ts";
import { heap } from "../wasm/runtime.ts";
import type { ModelConfig } from "./config.ts";
import type { Transformer } from "./transformer.ts";

/** What may be set differently from one use of the same model to the next. */
const REPLACEABLE: readonly (keyof ModelConfig)[] = [
  "dropout",
  "memory_size",
  "memory_dtype",
  "memory_topk",
  "memory_search",
  "memory_buckets",
  "memory_lists",
  "memory_probes",
  "attention_scale_init",
  "memory_gate_init",
];

/** Told by the names of the parameters. Left out, so that models without smeared keys keep the fingerprints they always had. */
const TOLD_BY_PARAMETERS: readonly (keyof ModelConfig)[] = ["smear_keys"];

/** 16 hexadecimal digits. Reads all weights: a tenth of a second for 100 MB. */
export function fingerprint({ config, parameters }: Transformer): string {
  const ignored = [...REPLACEABLE, ...TOLD_BY_PARAMETERS];
  const settings = Object.entries(config).filter(([key]) => !ignored.some((name) => name === key));
  const pieces: Uint8Array[] = [new TextEncoder().encode(JSON.stringify(settings.sort()))];
  for (const name of parameters.names().sort()) {
    const { ptr, size } = parameters.get(name);
    pieces.push(new TextEncoder().encode(name), heap.u8(ptr, size * 4));
  }
  return digest(pieces);
}
