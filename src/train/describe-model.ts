/** What a model is and what it needs. Of models that others trained, mostly the headers are read: weights only to recognise one that calibration knows. */
import { aPath, check, oneOf, optional } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import type { Architecture } from "../families/architecture.ts";
import { type Calibration, calibrationOf } from "../families/calibration.ts";
import type { ForeignModel } from "../families/foreign-model.ts";
import { chatTemplateOf, tokenizerOf } from "../families/foreign-tokenizer.ts";
import { knownMemories } from "../families/known-memories.ts";
import { loadForeign } from "../families/load-foreign.ts";
import { fingerprintOf } from "../families/load-weights.ts";
import { headsAt, placesOf } from "../families/memory-places.ts";
import { keptForm, type WeightKind, weightKinds } from "../families/weight-kinds.ts";
import { readJson } from "../formats/json-file.ts";
import { safetensorsWeights } from "../formats/safetensors-weights.ts";
import { parseConfig } from "../model/config.ts";
import { requireFloats } from "../model/open-own.ts";
import { parameterShapes } from "../model/parameters.ts";
import { fileRanges } from "../platform/file-ranges.ts";
import { type Tokenizer, tokenizerFromJson } from "../text/tokenizer.ts";
import { loadModel } from "./checkpoint.ts";
import { modelDirectory } from "./model-directory.ts";
import { isForeign } from "./open-model.ts";

/** What `memorizing info --json` prints. */
export interface ModelDescription {
  /** The `model_type`. */
  readonly family: string;
  /** The sizes of the architecture. */
  readonly sizes: {
    readonly layers: number;
    readonly width: number;
    readonly heads: number;
    readonly key_heads: number;
    readonly head_width: number;
    readonly mlp_width: number;
    readonly vocabulary: number;
  };
  /** Tokens of the longest text that it was made for; null if there is no such limit. */
  readonly context: number | null;
  /** Numbers that were learned. */
  readonly weights: number;
  /** Kinds of numbers in its files, that of most weights first. */
  readonly dtypes: readonly string[];
  /** Bytes that the weights take when the model is loaded. */
  readonly bytes: number;
  /** The forms in which they are kept then, that of most bytes first. */
  readonly kept_as: string;
  /** Layers that have a memory where nothing else is said. */
  readonly memory_layers: readonly number[];
  /** The same with the kv heads that remember, where not all of a layer do: `7:2,18:0,18:2,20`. */
  readonly memory_heads: string;
  /** Bytes of a remembered token in all of these, as float32, without the index of a search. */
  readonly memory_bytes_per_token: number;
  /** A few words on its tokenizer, or why it has none. */
  readonly tokenizer: string;
  /** Kind of its chat template, or why it has none. */
  readonly chat_template: string;
  /** What a user should know, a sentence each. */
  readonly notes: readonly string[];
  /** Why it cannot be read; null if it can. */
  readonly unreadable: string | null;
}

/**
 * Describes the model at `named`, whose weights are kept as `kind` says. Default: as they are when it is opened.
 * @throws InputError if its files do not say what it is: that is then the reason why it cannot be read
 */
export function describeModel(named: string, kind?: WeightKind): ModelDescription {
  check("model", named, aPath);
  check("weights", kind, optional(oneOf(...weightKinds)));
  const path = modelDirectory(named);
  if (isForeign(path)) return describeForeign(loadForeign(path), kind ?? weightKinds[0]);
  requireFloats(kind, named);
  return describeOwn(path);
}

function describeForeign(model: ForeignModel, kind: WeightKind): ModelDescription {
  const { architecture, parameters, notes } = model;
  const stored = [...parameters.values()].map(({ type, shape }) => ({ type, count: product(shape) }));
  const kept = [...parameters].map(([name, parameter]) => keptForm(name, parameter, kind));
  const calibration = attempt(() => calibrated(model));
  const heads = model.trained?.settings.memoryHeads ?? headsAt(architecture, calibration.value?.places ?? "all");
  const tokenizer = attempt(() => tokenizerWords(tokenizerOf(model), architecture.vocabulary));
  const chat = attempt(() => chatTemplateOf(model).kind);
  const weights = sum(stored.map(({ count }) => count));
  return {
    family: architecture.family,
    sizes: sizesOf(architecture),
    context: architecture.context,
    weights,
    dtypes: byShare(stored),
    bytes: sum(kept.map(({ bytes }) => bytes)),
    kept_as: byShare(kept.map(({ form, bytes }) => ({ type: form, count: bytes }))).join(", "),
    memory_layers: [...new Set(heads.map(([layer]) => layer))],
    memory_heads: placesOf(architecture, heads),
    memory_bytes_per_token: heads.length * architecture.headWidth * 2 * 4,
    tokenizer: tokenizer.value ?? tokenizer.reason,
    chat_template: chat.value ?? chat.reason,
    notes,
    unreadable: tokenizer.reason || calibration.reason || null,
  };
}

/** What calibration found for the model: in a file next to it, or known to this program. */
function calibrated(model: ForeignModel): Calibration | undefined {
  if (model.trained !== undefined) return undefined;
  const found = model.calibration();
  if (found !== undefined) return calibrationOf(found, fingerprintOf(model));
  const weights = sum([...model.parameters.values()].map(({ shape }) => product(shape)));
  const mayBeKnown = knownMemories.some((known) => known.weights === weights);
  return mayBeKnown ? calibrationOf(undefined, fingerprintOf(model)) : undefined;
}

function sizesOf({ layers, width, heads, keyHeads, headWidth, mlpWidth, vocabulary }: Architecture) {
  return { layers, width, heads, key_heads: keyHeads, head_width: headWidth, mlp_width: mlpWidth, vocabulary };
}

function describeOwn(path: string): ModelDescription {
  const at = (name: string) => `${path}/${name}`;
  const config = parseConfig(readJson(at("config.json")), at("config.json"));
  const shapes = [...parameterShapes(config).values()];
  const { tensors } = safetensorsWeights(fileRanges(at("model.safetensors")));
  const stored = [...tensors.values()].map(({ dtype, shape }) => ({ type: dtype, count: product(shape) }));
  const tokenizer = attempt(() => {
    return tokenizerWords(tokenizerFromJson(readJson(at("tokenizer.json")), at("tokenizer.json")), config.vocab_size);
  });
  const { num_attention_heads: heads, head_dim, memory_layers, memory_dtype } = config;
  const weights = sum(shapes.map(product));
  return {
    family: config.model_type,
    sizes: {
      layers: config.num_hidden_layers,
      width: config.hidden_size,
      heads,
      key_heads: heads,
      head_width: head_dim,
      mlp_width: config.intermediate_size,
      vocabulary: config.vocab_size,
    },
    context: null,
    weights,
    dtypes: byShare(stored),
    bytes: 4 * weights,
    kept_as: "float32",
    memory_layers,
    memory_heads: memory_layers.join(","),
    memory_bytes_per_token: memory_layers.length * heads * head_dim * 2 * (memory_dtype === "float16" ? 2 : 4),
    tokenizer: tokenizer.value ?? tokenizer.reason,
    chat_template: "none: it was not taught to converse",
    notes: [],
    unreadable: attempt(() => loadOnce(path)).reason || null,
  };
}

/** Loads a model of this program, and lets go of it: it is refused here for whatever it will be refused later. */
function loadOnce(path: string): string {
  using model = loadModel(path).model;
  return model.config.model_type;
}

function tokenizerWords({ vocabSize, alters }: Tokenizer, rows: number): string {
  const padding = rows > vocabSize ? `, ${rows - vocabSize} rows of the model belong to none` : "";
  return `${vocabSize} tokens${padding}${alters === undefined ? "" : `; it ${alters}`}`;
}

/** What `get` returns, or the sentence that says why there is none. */
function attempt<T>(get: () => T): { value?: T; reason: string } {
  try {
    return { value: get(), reason: "" };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { reason: error.message };
  }
}

/** The kinds of numbers, that of most weights first. */
function byShare(stored: readonly { readonly type: string; readonly count: number }[]): string[] {
  const counts = new Map<string, number>();
  for (const { type, count } of stored) counts.set(type, (counts.get(type) ?? 0) + count);
  return [...counts].sort(([, a], [, b]) => b - a).map(([type]) => type);
}

function product(shape: readonly number[]): number {
  return shape.reduce((total, size) => total * size, 1);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
