/**
 * Takes the values of another tool's config.json key by key, and refuses what does not fit: a value of another kind, one that
 * asks for something that is not implemented, a key that nobody knows but whose name sounds as if it changed a result. A key
 * that is null counts as left out, as its writers mean it.
 */
import { isPlainObject, type Kind, oneOf, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";

/** Greatest size that is believed: no tensor has a longer axis. */
const MOST = 2 ** 24;

/** Any finite number above 0. */
const above0: Kind = {
  what: "a number above 0",
  accepts: (value) => Number.isFinite(value) && (value as number) > 0,
};

/** Keys that change no result: book-keeping, training, other tasks. */
const HARMLESS = new Set(
  `architectures attention_dropout attention_probs_dropout_prob attn_implementation attn_pdrop auto_map bos_token_id
  cache_implementation classifier_dropout dtype embd_pdrop embed_dropout finetuning_task gradient_checkpointing head_dropout
  hidden_dropout hidden_dropout_prob id2label initializer_range is_decoder is_llama_config label2id max_length
  max_window_layers model_type n_ctx n_special name_or_path num_labels output_attentions output_hidden_states pad_token_id
  predict_special_tokens pretraining_tp problem_type reorder_and_upcast_attn resid_dropout resid_pdrop return_dict summary_activation
  summary_first_dropout summary_proj_to_labels summary_type summary_use_proj task_specific_params tokenizer_class torch_dtype
  torchscript transformers_version unk_token_id use_bfloat16 use_cache transformers.js_config`.split(/\s+/),
);

/** Words in the names of keys that may change what a model computes. */
const COMPUTES =
  /act|adapter|alibi|attention|attn|bias|cap|chunk|conv|embed|expert|ffn|gelu|head|hidden|interleav|layer|lora|mlp|moe|multiplier|norm|position|pruned|quant|residual|rope|rotary|router|scal|sliding|tie|window/i;

/** A config.json, or an object within one. */
export class ConfigReader {
  /** The file, as messages name it. */
  readonly source: string;
  /** What a user should know, a sentence each. */
  readonly notes: string[];
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #known = new Set<string>();

  /** Reads `json`, the content of the file `source`; `path` is where an inner object stands, such as `rope_scaling.`. */
  constructor(json: unknown, source: string, path = "", notes: string[] = []) {
    if (!isPlainObject(json)) {
      throw new InputError(
        `${source}: ${path.slice(0, -1) || "a configuration"} must be a JSON object, not ${show(json)}`,
      );
    }
    this.#values = json;
    this.source = source;
    this.#path = path;
    this.notes = notes;
  }

  /** Throws an InputError that names the file. */
  refuse(reason: string): never {
    throw new InputError(`${this.source}: ${reason}`);
  }

  /** Whether the key has a value. */
  has(key: string): boolean {
    this.#known.add(key);
    return Object.hasOwn(this.#values, key) && this.#values[key] !== null;
  }

  /** A size or a count from 1 to `most`. */
  whole(key: string, fallback?: number, most = MOST): number {
    return this.#value(key, whole(1, most), fallback);
  }

  /** A number of things that may be 0. */
  count(key: string, fallback?: number): number {
    return this.#value(key, whole(0, MOST), fallback);
  }

  /** A number above 0. */
  positive(key: string, fallback?: number): number {
    return this.#value(key, above0, fallback);
  }

  flag(key: string, fallback: boolean): boolean {
    return this.#value(key, oneOf(true, false), fallback);
  }

  /** One of the values, the first if there is none. */
  choice<T>(key: string, ...choices: readonly [T, ...T[]]): T {
    return this.#value(key, oneOf(...choices), choices[0]);
  }

  /** The value of a key that has no default, as it is. */
  any(key: string): unknown {
    return this.has(key) ? this.#values[key] : undefined;
  }

  /** Checks that something that is not implemented is not asked for. */
  requireOff(...keys: readonly string[]): void {
    for (const key of keys) {
      if (!this.has(key) || isNeutral(this.#values[key])) continue;
      this.refuse(`${this.#path}${key} is ${show(this.#values[key])}, which this program does not compute`);
    }
  }

  /** The object of the key; undefined if there is none. */
  inner(key: string): ConfigReader | undefined {
    if (!this.has(key)) return undefined;
    return new ConfigReader(this.#values[key], this.source, `${this.#path}${key}.`, this.notes);
  }

  /** Token ids: one, a list, or none. */
  tokenIds(key: string): number[] {
    const value = this.any(key) ?? [];
    const ids = Array.isArray(value) ? value : [value];
    for (const id of ids) {
      if (Number.isSafeInteger(id) && id >= 0) continue;
      this.refuse(`${this.#path}${key} is ${show(value)}; it must be a token id or a list of them`);
    }
    return ids;
  }

  /** To be called when everything has been taken: judges the keys that are left. */
  end(): void {
    for (const [key, value] of Object.entries(this.#values)) {
      if (this.#known.has(key) || HARMLESS.has(key) || key.startsWith("_") || isNeutral(value)) continue;
      if (this.#path !== "" || COMPUTES.test(key)) {
        this.refuse(`the key ${this.#path}${key} is unknown and may change what the model computes`);
      }
      this.notes.push(`${this.source}: the key ${key} is unknown and was ignored`);
    }
  }

  #value<T>(key: string, kind: Kind, fallback?: T): T {
    const path = `${this.#path}${key}`;
    if (!this.has(key)) return fallback ?? this.refuse(`${path} is missing; it must be ${kind.what}`);
    const value = this.#values[key];
    if (!kind.accepts(value)) this.refuse(`${path} is ${show(value)}; it must be ${kind.what}`);
    return value as T;
  }
}

/** Whether the value asks for nothing. */
function isNeutral(value: unknown): boolean {
  if (value === null || value === false || value === "" || value === 0) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isPlainObject(value) && Object.keys(value).length === 0;
}
