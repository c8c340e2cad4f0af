/** A model of this program among models of others: which of the two a configuration describes, and what ours makes of their options. */
import { check, isPlainObject, optional, someOptions, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import type { ForeignOptions } from "../families/open-foreign.ts";
import type { WeightKind } from "../families/weight-kinds.ts";
import { aDtype } from "../memory/options.ts";
import type { OpenedModel } from "../nn/opened-model.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { aMemorySize } from "./state.ts";
import type { Transformer } from "./transformer.ts";

/** Whether the content of a config.json is that of a model of this program, or at least of no other one. */
export function isOwnConfig(json: unknown): boolean {
  const type = isPlainObject(json) ? json.model_type : undefined;
  return typeof type !== "string" || type.startsWith("memorizing");
}

/**
 * The keys of our configuration that say what the options say.
 * @throws InputError for an option that only models of others have: `source` was trained with its window and memory layers
 */
export function ownOverrides(options: ForeignOptions, source: string): string[] {
  check("options", options, someOptions);
  const { neighbours, memorySize, memoryDtype, weights, onProgress: _, ...others } = options;
  requireFloats(weights, source);
  const strange = Object.entries(others).find(([, value]) => value !== undefined);
  if (strange !== undefined) {
    const word = strange[0].replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    throw new InputError(`${source} was trained with its own ${word}, which cannot be changed; leave the option out`);
  }
  check("neighbours", neighbours, optional(whole(1, 2 ** 16)));
  check("memorySize", memorySize, optional(aMemorySize));
  check("memoryDtype", memoryDtype, optional(aDtype));
  const pairs = { memory_topk: neighbours, memory_size: memorySize, memory_dtype: memoryDtype };
  return Object.entries(pairs).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
}

/** @throws InputError if the weights of the model called `source` should be kept as anything but floats, which can learn */
export function requireFloats(weights: WeightKind | undefined, source: string): void {
  if (weights === undefined || weights === "float32") return;
  throw new InputError(
    `${source} is a model of this program, whose weights are kept as float32, not as ${show(weights)}; leave the option out`,
  );
}

/** A model of this program, opened. `source` is how messages call it. */
export function openedOwn(model: Transformer, tokenizer: Tokenizer, source: string): OpenedModel {
  const chatTemplate = () => {
    throw new InputError(`${source} has no chat template: it was not taught to converse; use the raw prompt`);
  };
  return { model, tokenizer, notes: [], chatTemplate };
}
