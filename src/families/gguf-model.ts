/**
 * The description and the names of models in GGUF files. They differ from `transformers`' files in more than names: rows of q and k
 * are in neighbouring pairs in Llama's, a table may divide the angles, and what is not stored is not said either.
 */
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import type { GgufFile } from "../formats/gguf.ts";
import { floatsOf } from "../formats/weight-file.ts";
import type { Architecture, Biases } from "./architecture.ts";
import { ConfigReader } from "./config-reader.ts";
import type { FileNames } from "./family.ts";
import { type Layout, neighbourRows } from "./layout.ts";
import { inverseFrequencies } from "./rope.ts";
import { perLayer, readHeadWidth, readLayers, sortedIds } from "./sizes.ts";

/** The families that are read from GGUF files, which call them by the same names. */
const FAMILIES = ["llama", "qwen2", "qwen3"] as const;
type GgufFamily = (typeof FAMILIES)[number];

/** θ where a file names none. */
const USUAL_THETA = 10_000;

/** The table that divides the angles. */
const ROPE_FACTORS = "rope_freqs.weight";

const modules: Readonly<Record<string, string>> = {
  embed: "token_embd",
  "layers.#.input_norm": "blk.#.attn_norm",
  "layers.#.q": "blk.#.attn_q",
  "layers.#.k": "blk.#.attn_k",
  "layers.#.v": "blk.#.attn_v",
  "layers.#.q_norm": "blk.#.attn_q_norm",
  "layers.#.k_norm": "blk.#.attn_k_norm",
  "layers.#.o": "blk.#.attn_output",
  "layers.#.mlp_norm": "blk.#.ffn_norm",
  "layers.#.gate": "blk.#.ffn_gate",
  "layers.#.up": "blk.#.ffn_up",
  "layers.#.down": "blk.#.ffn_down",
  norm: "output_norm",
};

/** The names and layouts in a GGUF file of the family. */
export function ggufNames(family: Architecture["family"]): FileNames {
  const shared = { prefix: "", modules, head: "output", ignored: /^(?:rope_freqs\.weight|blk\.\d+\.attn_rot_embd)$/ };
  return family === "llama" ? { ...shared, layout: pairedLayout } : shared;
}

/** Rows of q and k, biases included, are in neighbouring pairs. */
function pairedLayout(module: string, { headWidth }: Architecture): Layout | undefined {
  return module === "layers.#.q" || module === "layers.#.k" ? { rows: neighbourRows(headWidth) } : undefined;
}

/** The description of the model in the file. Throws an InputError that names the file and the key. */
export function describeGguf(file: GgufFile): Architecture {
  const family = requireFamily(file);
  const config = new ConfigReader(familyKeys(file, family), file.name, `${family}.`);
  config.requireOff("expert_count", "attention.sliding_window", "leading_dense_block_count");
  for (const key of ["vocab_size", "tensor_data_layout", "expert_used_count", "attention.causal"]) config.has(key);
  const architecture = readArchitecture(file, family, config);
  config.end();
  return architecture;
}

function requireFamily({ metadata, name }: GgufFile): GgufFamily {
  const given = metadata.get("general.architecture");
  const family = FAMILIES.find((known) => known === given);
  if (family !== undefined) return family;
  throw new InputError(
    `${name}: general.architecture is ${given === undefined ? "missing" : show(given)}; readable in GGUF files are ${FAMILIES.join(", ")}`,
  );
}

/** The metadata of the family without its name before every key. */
function familyKeys({ metadata }: GgufFile, family: string): Record<string, unknown> {
  const own = [...metadata].filter(([key]) => key.startsWith(`${family}.`));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(family.length + 1), value]));
}

function readArchitecture(file: GgufFile, family: GgufFamily, config: ConfigReader): Architecture {
  const [width, layers] = [config.whole("embedding_length"), readLayers(config, "block_count")];
  const heads = config.whole("attention.head_count");
  const keyHeads = config.whole("attention.head_count_kv", heads);
  if (heads % keyHeads !== 0) config.refuse(`${heads} query heads cannot share ${keyHeads} key heads evenly`);
  const headWidth = readEqualWidths(config, width, heads);
  return {
    family,
    vocabulary: embeddingRows(file),
    width,
    layers,
    heads,
    keyHeads,
    headWidth,
    mlpWidth: config.whole("feed_forward_length"),
    context: config.whole("context_length"),
    norm: { kind: "rms", epsilon: config.positive("attention.layer_norm_rms_epsilon"), weightOffset: 0 },
    outputNorms: false,
    headNorms: family === "qwen3",
    block: "serial",
    activation: "silu",
    gated: true,
    positions: readPositions(file, config, headWidth, layers),
    scoreScale: 1 / Math.sqrt(headWidth),
    biases: readBiases(file, family),
    windows: perLayer(layers, () => null),
    embeddingScale: 1,
    tiedHead: !file.tensors.has("output.weight"),
    stopIds: readStopIds(file),
  };
}

function readEqualWidths(config: ConfigReader, width: number, heads: number): number {
  const keyWidth = readHeadWidth(config, "attention.key_length", width, heads);
  const valueWidth = config.whole("attention.value_length", keyWidth);
  if (valueWidth !== keyWidth)
    config.refuse(`keys are ${keyWidth} wide and values ${valueWidth}; they must be equally wide`);
  if (keyWidth % 2 !== 0) config.refuse(`a head is ${keyWidth} wide; it must be even to be rotated`);
  return keyWidth;
}

/** Rows of the embedding: the list of tokens may be shorter. */
function embeddingRows({ name, tensors }: GgufFile): number {
  const embedding = tensors.get("token_embd.weight");
  if (embedding === undefined) throw new InputError(`${name}: tensor "token_embd.weight" is missing`);
  return embedding.shape[0];
}

function readPositions(
  file: GgufFile,
  config: ConfigReader,
  headWidth: number,
  layers: number,
): Architecture["positions"] {
  const dimensions = config.whole("rope.dimension_count", headWidth);
  if (dimensions !== headWidth)
    config.refuse(`${dimensions} of ${headWidth} entries of a head are rotated; it must be all`);
  const theta = config.positive("rope.freq_base", USUAL_THETA);
  const type = config.choice("rope.scaling.type", "none", "linear");
  const factor = config.positive("rope.scaling.factor", 1);
  for (const key of ["rope.scaling.original_context_length", "rope.scaling.finetuned"]) config.has(key);
  const scaling = type === "linear" ? ({ type, factor } as const) : ({ type: "default" } as const);
  const frequencies = divided(inverseFrequencies(dimensions, theta, scaling), file);
  return { kind: "rotary", dimensions, frequencies: perLayer(layers, () => frequencies) };
}

/** The angles divided by the file's table, if it has one. */
function divided(frequencies: Float64Array, file: GgufFile): Float64Array {
  const table = file.tensors.get(ROPE_FACTORS);
  if (table === undefined) return frequencies;
  if (table.shape.join() !== String(frequencies.length)) {
    throw new InputError(
      `${file.name}: tensor "${ROPE_FACTORS}" has shape [${table.shape}], it should be [${frequencies.length}]`,
    );
  }
  const factors = floatsOf(table, file.name);
  if (!factors.every((factor) => factor > 0 && factor < Infinity)) {
    throw new InputError(`${file.name}: tensor "${ROPE_FACTORS}" must hold numbers above 0`);
  }
  return frequencies.map((frequency, i) => frequency / factors[i]);
}

/** Projections have the biases that are stored; Qwen 2 cannot do without three of them. */
function readBiases({ tensors }: GgufFile, family: GgufFamily): Biases {
  const stored = (module: string) => tensors.has(`blk.0.${module}.bias`);
  const always = family === "qwen2";
  return {
    q: always || stored("attn_q"),
    k: always || stored("attn_k"),
    v: always || stored("attn_v"),
    o: stored("attn_output"),
    gate: stored("ffn_gate"),
    up: stored("ffn_up"),
    down: stored("ffn_down"),
  };
}

/** Tokens that end a text, a turn or a message by their name: files often say only one of those that the model writes. */
const ENDS = "<|eot_id|> <|im_end|> <|end|> <end_of_turn> <|endoftext|> <|eom_id|> <|end_of_text|> <EOT>".split(" ");
/** Numbers of `token_type`: of control, and defined by a user. */
const MARKS: readonly unknown[] = [3, 4];

/** The ends of a text, of a turn and of a message. */
function readStopIds({ metadata, name }: GgufFile): number[] {
  const config = new ConfigReader(Object.fromEntries(metadata), name);
  const said = ["eos", "eot", "eom"].map((end) => config.tokenIds(`tokenizer.ggml.${end}_token_id`));
  const [tokens, types] = ["tokens", "token_type"].map((key) => metadata.get(`tokenizer.ggml.${key}`));
  if (!Array.isArray(tokens) || !Array.isArray(types)) return sortedIds(...said);
  const named = ENDS.map((end) => tokens.indexOf(end)).filter((id) => id >= 0 && MARKS.includes(types[id]));
  return sortedIds(...said, named);
}
