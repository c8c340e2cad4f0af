/**
 * The parameters of a model: names, shapes, first values, and one flat block of the heap for each group.
 *
 * Names follow Hugging Face's. Values and gradients of a group are contiguous, so that an optimizer step, clipping or zeroing
 * is one kernel call for each group. transformer.ts uses the parameters.
 */
import { type PersistentTensor, persistentTensor, Tensor } from "../autodiff/tensor.ts";
import { InputError } from "../base/errors.ts";
import { allOrNothing, Lifetime, type Own } from "../base/lifetime.ts";
import { Random } from "../base/random.ts";
import { show } from "../base/show.ts";
import { gateParameters } from "../nn/gate.ts";
import { POSITION_BUCKETS } from "../nn/positions.ts";
import type { Address } from "../wasm/heap.ts";
import { parallelElements } from "../wasm/parallel.ts";
import { type ModelConfig, smearsKeys } from "./config.ts";

/**
 * The groups: the embedding; the other matrices; norm scales; and the attention group of scales, position biases, gates and
 * smears. Only matrices decay. A trainer may give embedding and attention their own learning rates.
 */
export type ParameterGroup = "embedding" | "matrices" | "norms" | "attention";

/** All groups, in the order of their blocks. */
export const parameterGroups: readonly ParameterGroup[] = ["embedding", "matrices", "norms", "attention"];

/** All parameters of one group, as one vector. */
export interface ParameterBlock {
  /** The group. */
  readonly group: ParameterGroup;
  /** Values, [size]. */
  readonly values: Tensor;
  /** Gradients, [size]. */
  readonly gradients: Tensor;
  /** Floats in it, including the padding between parameters. */
  readonly size: number;
}

interface Declaration {
  readonly name: string;
  readonly shape: readonly number[];
  readonly group: ParameterGroup;
  readonly initial: (random: Random) => number;
}

/** Parameters start on a cache line; the padding between them stays zero. */
const ALIGNED_FLOATS = 16;

function floatsOf(shape: readonly number[]): number {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return Math.ceil(size / ALIGNED_FLOATS) * ALIGNED_FLOATS;
}

/** N(0, σ²) cut at ±2σ, σ = 1/√fanIn. */
function truncatedNormal(fanIn: number): (random: Random) => number {
  const deviation = 1 / Math.sqrt(fanIn);
  return (random) => {
    let z = random.normal();
    while (Math.abs(z) > 2) z = random.normal();
    return z * deviation;
  };
}

function constant(value: number): () => number {
  return () => value;
}

/** A weight [outputs, inputs] of a linear layer y = x Wᵀ. */
function matrix(name: string, outputs: number, inputs: number): Declaration {
  return { name, shape: [outputs, inputs], group: "matrices", initial: truncatedNormal(inputs) };
}

function norm(name: string, width: number): Declaration {
  return { name, shape: [width], group: "norms", initial: constant(1) };
}

/** Declares the parameters of block `layer`, in the order of their use. */
function declareLayer(config: ModelConfig, layer: number): Declaration[] {
  const { hidden_size: width, num_attention_heads: heads, head_dim, intermediate_size } = config;
  const prefix = `model.layers.${layer}`;
  const hasMemory = config.memory_layers.includes(layer);
  const declarations: Declaration[] = [
    norm(`${prefix}.input_layernorm.weight`, width),
    matrix(`${prefix}.self_attn.q_proj.weight`, heads * head_dim, width),
    matrix(`${prefix}.self_attn.k_proj.weight`, heads * head_dim, width),
    matrix(`${prefix}.self_attn.v_proj.weight`, heads * head_dim, width),
    matrix(`${prefix}.self_attn.o_proj.weight`, width, heads * head_dim),
    norm(`${prefix}.post_attention_layernorm.weight`, width),
    matrix(`${prefix}.mlp.up_proj.weight`, intermediate_size, width),
    matrix(`${prefix}.mlp.down_proj.weight`, width, intermediate_size),
  ];
  const steer = (name: string, shape: number[], value: number) =>
    declarations.push({ name: `${prefix}.self_attn.${name}`, shape, group: "attention", initial: constant(value) });
  steer("attention_scale", [heads], config.attention_scale_init);
  if (!hasMemory || config.memory_layer_position_bias) {
    steer("relative_attention_bias.weight", [heads, POSITION_BUCKETS], 0);
  }
  for (const [name, shape] of hasMemory ? gateParameters(config.memory_combine, heads, width) : []) {
    if (name === "memory_gate") steer(name, shape, config.memory_gate_init);
    else declarations.push({ name: `${prefix}.self_attn.${name}`, shape, group: "matrices", initial: constant(0) });
  }
  if (smearsKeys(config, layer)) steer("key_smear", [heads], 0);
  return declarations;
}

/** Declares every parameter of a model of this configuration. */
function declare(config: ModelConfig): Declaration[] {
  const embedding: Declaration = {
    name: "model.embed_tokens.weight",
    shape: [config.vocab_size, config.hidden_size],
    group: "embedding",
    initial: (random) => random.normal(),
  };
  const layers = Array.from({ length: config.num_hidden_layers }, (_, layer) => declareLayer(config, layer));
  return [embedding, ...layers.flat(), norm("model.norm.weight", config.hidden_size)];
}

/** Returns names and shapes of all parameters, without allocating any. */
export function parameterShapes(config: ModelConfig): Map<string, readonly number[]> {
  return new Map(declare(config).map(({ name, shape }) => [name, shape]));
}

/** The parameters of a model, by name, in one block for each group. */
export class Parameters {
  /** The blocks, one for each group. */
  readonly blocks: readonly ParameterBlock[];
  private readonly tensors = new Map<string, Tensor>();
  /** The storage of the blocks. */
  private readonly storage: PersistentTensor[] = [];
  private readonly life = new Lifetime("this model");

  /** Allocates the parameters of `config` and fills them from `seed`: ALGORITHM.md, section 2. Without a seed they are 0. */
  constructor(config: ModelConfig, seed: number | null) {
    const declarations = declare(config);
    this.blocks = allOrNothing((own) => parameterGroups.map((group) => this.allocate(group, declarations, own)));
    if (seed === null) return;
    const random = new Random(seed);
    for (const { name, initial } of declarations) {
      const tensor = this.get(name);
      tensor.set(Float32Array.from({ length: tensor.size }, () => initial(random)));
    }
  }

  /** Allocates a group. */
  private allocate(group: ParameterGroup, declarations: readonly Declaration[], own: Own): ParameterBlock {
    const members = declarations.filter((declaration) => declaration.group === group);
    const size = members.reduce((sum, { shape }) => sum + floatsOf(shape), 0);
    const [atValues, atGradients] = [0, 1]
      .map(() => own(persistentTensor([size])))
      .map((block) => {
        this.storage.push(block);
        return block.ptr;
      });
    const view = (address: Address, shape: readonly number[]) => new Tensor(address, shape, this.life);
    let offset = 0;
    for (const { name, shape } of members) {
      const tensor = view(atValues + offset * 4, shape);
      tensor.requiresGrad = true;
      tensor.grad = view(atGradients + offset * 4, shape);
      this.tensors.set(name, tensor);
      offset += floatsOf(shape);
    }
    return { group, values: view(atValues, [size]), gradients: view(atGradients, [size]), size };
  }

  /** Names, in any order. */
  names(): string[] {
    return [...this.tensors.keys()];
  }

  /** Whether there is a parameter of that name. */
  has(name: string): boolean {
    return this.tensors.has(name);
  }

  /** The parameter called `name`. Throws an InputError if there is none, a ReleasedError after `release`. */
  get(name: string): Tensor {
    this.life.require();
    const tensor = this.tensors.get(name);
    if (tensor === undefined) throw new InputError(`the model has no parameter ${show(name)}`);
    return tensor;
  }

  /** The group of the parameter called `name`. */
  group(name: string): ParameterGroup {
    const { ptr } = this.get(name);
    const isMember = ({ values, size }: ParameterBlock) => ptr >= values.ptr && ptr < values.ptr + size * 4;
    return this.blocks.filter(isMember)[0].group;
  }

  /** Number of learned floats. */
  get count(): number {
    let count = 0;
    for (const tensor of this.tensors.values()) count += tensor.size;
    return count;
  }

  /** Sets all gradients to 0. */
  zeroGradients(): void {
    this.life.require();
    for (const { gradients, size } of this.blocks) parallelElements("zero", size, gradients.ptr);
  }

  /** Frees the storage; the model must not be used afterwards. */
  release(): void {
    this.life.end(() => {
      for (const block of this.storage) block.release();
    });
  }

  /** Releases them, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }
}
