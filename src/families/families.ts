/** All families that can be read, and which of them a configuration asks for. */
import { isPlainObject } from "../base/check.ts";
import { nearest } from "../base/did-you-mean.ts";
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import type { Architecture, Family } from "./architecture.ts";
import { ConfigReader } from "./config-reader.ts";
import type { FamilyReader } from "./family.ts";
import { gemma3 } from "./gemma3.ts";
import { gptNeo } from "./gpt-neo.ts";
import { gptNeox } from "./gpt-neox.ts";
import { gpt2 } from "./gpt2.ts";
import { llama } from "./llama.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";

/** Every family by its name. */
export const families: Readonly<Record<Family, FamilyReader>> = {
  gpt2,
  gpt_neo: gptNeo,
  gpt_neox: gptNeox,
  llama,
  qwen2,
  qwen3,
  gemma3_text: gemma3,
};

/** A configuration that was read. */
export interface Described {
  readonly architecture: Architecture;
  /** What a user should know, a sentence each. */
  readonly notes: readonly string[];
}

/** The description that `json`, the content of the config.json `source`, asks for. Throws an InputError that names the key. */
export function describeConfig(json: unknown, source: string): Described {
  const config = new ConfigReader(json, source);
  const architecture = families[requireFamily(json, source)].describe(config);
  config.requireOff("quantization_config", "add_cross_attention", "is_encoder_decoder", "rope_interleaved");
  config.end();
  return { architecture, notes: config.notes };
}

/** The `model_type` of models of this program. */
const OWN = "memorizing-transformer";

function requireFamily(json: unknown, source: string): Family {
  const type = isPlainObject(json) ? json.model_type : undefined;
  const known = [...Object.keys(families), OWN];
  if (typeof type === "string" && Object.hasOwn(families, type)) return type as Family;
  const guess = typeof type === "string" ? nearest(type, known) : undefined;
  const advice = guess === undefined ? `readable are ${known.join(", ")}` : `did you mean ${guess}?`;
  throw new InputError(`${source}: model_type is ${show(type)}; ${advice}`);
}
