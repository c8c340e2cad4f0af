/**
 * The heap that a training needs, known before anything is allocated, and the refusal of a training that cannot fit.
 *
 * Parameters, moments, contexts and memories are counted exactly. A step's activations are the sum over the ops of one forward
 * and backward pass, to within a few per cent; those of a mechanism are taken for those of full attention to its context. Scratch space of kernels is not counted.
 */
import { sizeOf } from "../autodiff/tensor.ts";
import { InputError } from "../base/errors.ts";
import { mechanismOf, pastOf } from "../mechanisms/list.ts";
import { memoryBytes } from "../memory/bytes.ts";
import { capacityOf } from "../memory/ring.ts";
import { type ModelConfig, parseConfig, smearsKeys } from "../model/config.ts";
import { parameterShapes } from "../model/parameters.ts";
import { heap } from "../wasm/runtime.ts";
import { parseTrainingOptions, type TrainingOptions } from "./options.ts";

/** Bytes by purpose. */
export interface TrainingBytes {
  /** Values, gradients and the optimizer's moments. */
  readonly parameters: number;
  /** Results and gradients of one batch's forward and backward pass. */
  readonly activations: number;
  /** Contexts and memories, including those of an evaluation or a measurement of staleness. */
  readonly memories: number;
}

const FLOAT = 4;
/** The arena's first chunk; each further chunk doubles the arena. */
const LEAST_ARENA = 2 ** 20;

/** Returns the bytes of a training with these options; missing options have their default. */
export function trainingBytes(givenConfig: ModelConfig, givenOptions: Partial<TrainingOptions> = {}): TrainingBytes {
  const config = parseConfig(givenConfig, "config");
  const options = parseTrainingOptions(givenOptions, "training options");
  const { batchSize, gradientAccumulation, gradients, evaluateEvery, stalenessEvery } = options;
  const states = gradientAccumulation + (evaluateEvery > 0 || stalenessEvery > 0 ? 1 : 0);
  const passRows = gradients === "rows" ? 1 : batchSize;
  return {
    parameters: parameterBytes(config, options),
    activations: 2 ** Math.ceil(Math.log2(Math.max(LEAST_ARENA, activationBytes(config, passRows)))),
    memories: states * stateBytes(config, batchSize),
  };
}

/** Gradients take the bytes of the values, AdamW's moments twice that, Adafactor's one number for each row and column. */
function parameterBytes(config: ModelConfig, { optimizer }: TrainingOptions): number {
  const shapes = [...parameterShapes(config).values()];
  const count = shapes.reduce((sum, shape) => sum + sizeOf(shape), 0);
  const sums = shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a + b, 0), 0);
  return FLOAT * (2 * count + (optimizer === "adamw" ? 2 * count : sums));
}

/** Contexts and memories of one batch, as ModelState allocates them. */
function stateBytes(config: ModelConfig, rows: number): number {
  const { num_attention_heads: heads, head_dim: width, segment_length: segment, memory_size: size } = config;
  const { memory_search: kind, memory_lists: lists, memory_dtype: dtype } = config;
  const positions = config.num_hidden_layers * (pastOf(config).length + segment) + smearedLayers(config);
  const contexts = rows * FLOAT * (2 * positions * heads * width + carriedFloats(config));
  if (size === 0) return contexts;
  const memory = memoryBytes({ rows, heads, width, size, segment }, { kind, lists, dtype });
  const tokens = config.memory_copy ? rows * FLOAT * capacityOf({ size, segment }) : 0;
  return contexts + config.memory_layers.length * memory + tokens;
}

/** Numbers that the layers of a mechanism carry for one row. */
function carriedFloats(config: ModelConfig): number {
  const chosen = mechanismOf(config);
  if (chosen === undefined) return 0;
  const shapes = Object.values(chosen.parts.carries?.(chosen.sizes) ?? {});
  return chosen.copies * shapes.reduce((sum, shape) => sum + sizeOf(shape), 0);
}

/** Bytes that a training step of `rows` rows puts into the arena: results and their gradients, op by op. */
export function activationBytes(config: ModelConfig, rows: number): number {
  const { hidden_size: width, num_attention_heads: heads, head_dim, segment_length: segment } = config;
  const tokens = rows * segment;
  const [residual, attended] = [tokens * width, tokens * heads * head_dim]; // [B, T, C] and [B, T, H·D]
  const length = pastOf(config).length + segment;
  const dropped = config.dropout > 0 ? 2 * residual : 0;
  const attention =
    2 * (3 + 2 + 1) * attended + // q, k, v; q̂, k̂; the result
    rows * heads * length * (segment + 2) + // probabilities, the bias by distance and its gradient
    4 * tokens * heads;
  const feedForward = 2 * 2 * tokens * config.intermediate_size;
  const block = attention + feedForward + 2 * 6 * residual + 2 * dropped; // two norms, two projections, two sums
  const memory = 4 * attended + 3 * tokens * heads * config.memory_topk + 8 * tokens * heads;
  const smear = 2 * attended + tokens * heads + rows * heads * head_dim;
  const copying = config.memory_copy ? 2 * tokens * config.vocab_size + tokens * heads * config.memory_topk : 0;
  const ends = copying + 2 * 3 * residual + dropped + 2 * tokens * config.vocab_size;
  const { num_hidden_layers: layers, memory_layers: remembering } = config;
  return FLOAT * (layers * block + remembering.length * memory + smearedLayers(config) * smear + ends);
}

function smearedLayers(config: ModelConfig): number {
  const layers = Array.from({ length: config.num_hidden_layers }, (_, layer) => layer);
  return layers.filter((layer) => smearsKeys(config, layer)).length;
}

/** @throws InputError that names the bytes and the key to lower, if the training does not fit into the rest of the heap */
export function requireTrainingRoom(config: ModelConfig, options: Partial<TrainingOptions> = {}): void {
  const bytes = trainingBytes(config, options);
  const needed = sum(bytes);
  if (needed <= heap.bytesAvailable) return;
  const { parameters, activations, memories } = bytes;
  const parts = `parameters ${mib(parameters)}, activations ${mib(activations)}, memories ${mib(memories)}`;
  const limit = `${mib(heap.bytesAvailable)} are left of the 4 GiB that one WebAssembly memory can hold`;
  throw new InputError(
    `this training needs ${mib(needed)} MiB (${parts}), but ${limit}; ${advice(config, options, bytes)}`,
  );
}

/** `4,095` */
function mib(bytes: number): string {
  return Math.round(bytes / 2 ** 20).toLocaleString("en");
}

function sum({ parameters, activations, memories }: TrainingBytes): number {
  return parameters + activations + memories;
}

/** Names the key that lowers the largest part, and the power of two below its value that would suffice, if there is one. */
function advice(config: ModelConfig, options: Partial<TrainingOptions>, bytes: TrainingBytes): string {
  const { batchSize } = parseTrainingOptions(options, "training options");
  const key = largestKey(bytes, batchSize);
  const value = key === "batchSize" ? batchSize : config[key];
  for (let lower = 2 ** Math.floor(Math.log2(value - 1)); lower >= 1; lower /= 2) {
    const [lowered, chosen] =
      key === "batchSize" ? [config, { ...options, [key]: lower }] : [{ ...config, [key]: lower }, options];
    if (sum(trainingBytes(lowered, chosen)) <= heap.bytesAvailable)
      return `lower ${key}, which is ${value}: ${lower} would do`;
  }
  return `lower ${key}, which is ${value}, and more`;
}

function largestKey({ parameters, activations, memories }: TrainingBytes, batchSize: number) {
  if (memories >= Math.max(parameters, activations)) return "memory_size";
  if (parameters >= activations) return "hidden_size";
  return batchSize > 1 ? "batchSize" : "segment_length";
}
