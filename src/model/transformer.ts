/**
 * The model: embedding, blocks, final norm, tied logits; ALGORITHM.md section 2, the paper's section 3.
 *
 * A forward pass reads the next tokens of each row with a ModelState, which then contains them. Training, evaluation and
 * generation differ only in their states and in their use of the logits.
 */
import { positionBuckets } from "../autodiff/ops/attention.ts";
import { add, dropout, gelu, relu, repeat, scale } from "../autodiff/ops/elementwise.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import { rmsNorm } from "../autodiff/ops/norm.ts";
import { embedding } from "../autodiff/ops/vocabulary.ts";
import { mixVotes } from "../autodiff/ops/votes.ts";
import { noGrad } from "../autodiff/tape.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import { aSeed, check, either, instance, type Kind, listOf, oneOf, whole } from "../base/check.ts";
import { Random } from "../base/random.ts";
import { type ChosenMechanism, mechanismOf } from "../mechanisms/list.ts";
import type { ReadingLayer } from "../mechanisms/mechanism.ts";
import type { Gate } from "../nn/gate.ts";
import type { StateOptions, TrainableModel } from "../nn/language-model.ts";
import type { Parameters } from "../nn/parameters.ts";
import { requireInput, type SegmentInput } from "../nn/segment.ts";
import {
  extendWithPairs,
  type LocalInputs,
  type Retrieval,
  type SelfAttentionWeights,
  selfAttention,
} from "../nn/self-attention.ts";
import { copyingLayer, type ModelConfig, parseConfig } from "./config.ts";
import { fingerprint } from "./fingerprint.ts";
import { makeParameters } from "./parameters.ts";
import { ModelState } from "./state.ts";

/** The paper's model: its parameters, and the forward pass over a segment. */
export class Transformer implements TrainableModel {
  /** Its configuration. */
  readonly config: ModelConfig;
  /** Its weights. */
  readonly parameters: Parameters;
  /** Every row of its embedding belongs to a token. */
  readonly padsVocabulary = false;
  /** Its training texts had no tokens put before or after them. */
  readonly framesTexts = false;
  /** None: no token ends a text. */
  readonly stopIds: readonly number[] = [];
  private readonly mechanism: ChosenMechanism | undefined;

  /** Builds a model. `seed` determines the first weights; null leaves them 0, for weights that will be loaded. */
  constructor(config: ModelConfig, seed: number | null = 0) {
    this.config = Object.freeze(parseConfig(config, "config"));
    check("seed", seed, either(aSeed, oneOf(null)));
    this.mechanism = mechanismOf(this.config);
    this.parameters = makeParameters(this.config, seed);
  }

  /** V */
  get vocabulary(): number {
    return this.config.vocab_size;
  }

  /** Layers that have a memory. */
  get memoryLayers(): readonly number[] {
    return this.config.memory_layers;
  }

  /** M of its states where they do not say otherwise. */
  get memorySize(): number {
    return this.config.memory_size;
  }

  /** Returns the digest that its memories carry; see fingerprint.ts. */
  fingerprint(): string {
    return fingerprint(this.config, this.parameters);
  }

  /** Returns a fresh state, which has read and remembered nothing. */
  newState(options: StateOptions): ModelState {
    return new ModelState(this.config, options);
  }

  /** Refuses a state of another model. Throws an InputError if `state` is not a state of a model of these shapes. */
  requireState(state: ModelState): void {
    check("state", state, aState);
    state.requireFit(this.config);
  }

  /** Returns logits [B, n, V] for the token after each input token. Advances `state`. */
  forward(input: SegmentInput, state: ModelState): Tensor {
    return this.predict(input, state).logits;
  }

  /** Returns the residual stream after the last block, [B, n, C], and the logits [B, n, V] with what is copied. Advances `state`. */
  predict(input: SegmentInput, state: ModelState): { readonly hidden: Tensor; readonly logits: Tensor } {
    if (!this.config.memory_copy) {
      const hidden = this.hidden(input, state);
      return { hidden, logits: this.logits(hidden) };
    }
    let voters: Retrieval | undefined;
    const observe = (layer: number, retrieval: Retrieval) => {
      if (layer === copyingLayer(this.config)) voters = retrieval;
      input.observe?.(layer, retrieval);
    };
    const hidden = this.hidden({ ...input, observe }, state);
    return { hidden, logits: voters ? this.copying(hidden, voters, state) : this.logits(hidden) };
  }

  /** Logits in which retrieved pairs vote for their tokens: x [B, n, C] → [B, n, V]. */
  private copying(x: Tensor, { weights, neighbours: { slots, counts } }: Retrieval, state: ModelState): Tensor {
    const { ptr: tokens, capacity } = state.tokens!;
    const [weight, bias] = ["weight", "bias"].map((name) => this.parameters.get(`model.memory_copy.${name}`));
    const mix = add(linear(this.normed(x), weight), repeat(bias, x.shape.slice(0, 2))); // [B, n, C] → [B, n, H]
    return mixVotes(this.logits(x), mix, { weights, slots, counts, tokens, capacity });
  }

  /** Returns the residual stream after the last block, before the final norm, [B, n, C]. Advances `state`. */
  hidden(input: SegmentInput, state: ModelState): Tensor {
    this.requireState(state);
    requireInput(input, state.rows, state.room, this.config.vocab_size);
    state.begin(input.starts);
    const drop = dropoutFor(this.config.dropout, input.dropoutKey);
    const x = this.blocks(drop(this.embed(input, state)), input, state, drop);
    state.advance(input.ids, input.lengths);
    return x;
  }

  /**
   * Reads the next tokens for what they leave in the memories alone, to the bit as `hidden` does. Nothing behind the keys and values of the last
   * memory is computed, no lookup there either, so the time does not grow with that memory. The document must end before anything is predicted.
   * A model with a mechanism computes everything. Advances `state`; no gradients.
   */
  memorize(input: SegmentInput, state: ModelState): void {
    this.requireState(state);
    const last = Math.max(...state.memories.keys());
    if (this.mechanism !== undefined || last < 0) return void noGrad(() => this.hidden(input, state));
    requireInput(input, state.rows, state.room, this.config.vocab_size);
    state.begin(input.starts, true);
    noGrad(() => {
      let x = this.embed(input, state);
      for (let layer = 0; layer < last; layer++) x = this.block(x, layer, input, state, dropoutFor(0), undefined);
      extendWithPairs(this.norm(x, last, "input_layernorm"), this.attentionWeights(last, state), state.context(last));
    });
    state.advance(input.ids, input.lengths);
  }

  /** What enters the first block, [B, n, C]. */
  private embed({ ids }: SegmentInput, state: ModelState): Tensor {
    return embedding(this.parameters.get("model.embed_tokens.weight"), ids, [state.rows, ids.length / state.rows]);
  }

  /** All blocks, x [B, n, C] → [B, n, C], or what a mechanism puts in their place. */
  private blocks(x: Tensor, input: SegmentInput, state: ModelState, drop: (x: Tensor) => Tensor): Tensor {
    const { block, stack, copies = this.config.num_hidden_layers } = this.mechanism ?? {};
    for (let layer = 0; layer < copies; layer++) {
      const place = this.mechanismPlace(layer, input, state, drop);
      if (stack && place) x = stack.stack(x, place);
      else x = block && place ? block.block(x, place) : this.block(x, layer, input, state, drop, place);
    }
    return x;
  }

  /** One block, x [B, n, C] → [B, n, C]. With `place`, a mechanism attends in the place of local attention. */
  private block(
    before: Tensor,
    layer: number,
    { reach, observe }: SegmentInput,
    state: ModelState,
    drop: (x: Tensor) => Tensor,
    place: ReadingLayer | undefined,
  ): Tensor {
    const { memory_topk: topk, memory_sharpen_from: sharpenFrom, memory_fade: fade } = this.config;
    const memory = state.searched(layer);
    const show = observe && ((retrieval: Retrieval) => observe(layer, retrieval));
    const mechanism = this.mechanism?.attention;
    const attended = selfAttention(
      this.norm(before, layer, "input_layernorm"),
      this.attentionWeights(layer, state),
      state.context(layer),
      memory && { memory, topk, sharpenFrom, fade, reach, observe: show },
      mechanism && place && ((inputs: LocalInputs) => mechanism.attend(inputs, place)),
    );
    const x = add(before, drop(attended));
    const fed = feedForward(
      this.norm(x, layer, "post_attention_layernorm"),
      this.feedForwardWeights(layer),
      this.config.hidden_act,
    );
    return add(x, drop(fed));
  }

  /** What a mechanism sees of `layer` in this pass; undefined if the model has none. */
  private mechanismPlace(
    layer: number,
    { auxiliary }: SegmentInput,
    state: ModelState,
    drop: (x: Tensor) => Tensor,
  ): ReadingLayer | undefined {
    const place = state.mechanismLayer(layer);
    const fed: ReadingLayer["feedForward"] = (x, weights) => feedForward(x, weights, this.config.hidden_act);
    return place && { ...place, parameter: this.mechanismParameters(layer), drop, auxiliary, feedForward: fed };
  }

  /** The parameters of a mechanism in `layer`, by the names that it gave them. */
  private mechanismParameters(layer: number): (name: string) => Tensor {
    const prefix = this.mechanism?.stack ? "model" : `model.layers.${layer}`;
    return (name) => this.parameters.get(`${prefix}.mechanism.${name}`);
  }

  /**
   * Called by a trainer before a step, when `steps` others are done: a mechanism may draw anew what it draws at intervals, with the
   * trainer's `random`, and `states` then forget what they carry.
   */
  beforeStep(steps: number, random: Random, states: readonly ModelState[]): void {
    check("steps", steps, whole(0));
    check("random", random, instance(Random, "a Random"));
    check("states", states, listOf(aState));
    const { parts, sizes, copies = 0 } = this.mechanism ?? {};
    if (!parts?.beforeStep || !sizes) return;
    for (let layer = 0; layer < copies; layer++) {
      const place = { sizes, layer, parameter: this.mechanismParameters(layer) };
      if (parts.beforeStep(place, steps, random)) for (const state of states) state.clearCarried();
    }
  }

  /** RMSNorm(x) Eᵀ / √C, the logits before anything is copied: x [B, n, C] → [B, n, V]. */
  logits(x: Tensor): Tensor {
    const { hidden_size } = this.config;
    return linear(scale(this.normed(x), 1 / Math.sqrt(hidden_size)), this.parameters.get("model.embed_tokens.weight"));
  }

  /** The final norm. */
  private normed(x: Tensor): Tensor {
    return rmsNorm(x, this.parameters.get("model.norm.weight"), this.config.rms_norm_eps);
  }

  /** Frees the parameters; the model must not be used afterwards. */
  release(): void {
    this.parameters.release();
  }

  /** Releases it, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** RMSNorm with the scale called `name`. */
  private norm(x: Tensor, layer: number, name: string): Tensor {
    return rmsNorm(x, this.parameters.get(`model.layers.${layer}.${name}.weight`), this.config.rms_norm_eps);
  }

  /** The attention weights of a layer. */
  private attentionWeights(layer: number, state: ModelState): SelfAttentionWeights {
    const get = (name: string) => this.parameters.get(`model.layers.${layer}.self_attn.${name}`);
    const has = (name: string) => this.parameters.has(`model.layers.${layer}.self_attn.${name}`);
    const bias = "relative_attention_bias.weight";
    return {
      q: has("q_proj.weight") ? get("q_proj.weight") : undefined,
      k: get("k_proj.weight"),
      v: get("v_proj.weight"),
      o: get("o_proj.weight"),
      scale: get("attention_scale"),
      bias: has(bias) ? { table: get(bias), buckets: positionBuckets(state.capacity) } : undefined,
      gate: this.config.memory_layers.includes(layer) ? this.gate(layer) : undefined,
      smear: has("key_smear") ? get("key_smear") : undefined,
    };
  }

  /** The gate of a memory layer. */
  private gate(layer: number): Gate {
    const policy = this.config.memory_combine;
    const [bias, weight] = ["memory_gate", "memory_gate.weight"].map((name) => {
      const path = `model.layers.${layer}.self_attn.${name}`;
      return this.parameters.has(path) ? this.parameters.get(path) : undefined;
    });
    return { policy, bias, weight };
  }

  /** The weights of a layer's feed-forward block. */
  private feedForwardWeights(layer: number): FeedForwardWeights {
    const get = (name: string) => this.parameters.get(`model.layers.${layer}.mlp.${name}.weight`);
    return { up: get("up_proj"), down: get("down_proj") };
  }
}

const activations = { relu, gelu };

/** up [F, C], down [C, F]. */
interface FeedForwardWeights {
  readonly up: Tensor;
  readonly down: Tensor;
}

/** The feed-forward half of a block, activation(x W1) W2, no biases: x [B, T, C] → [B, T, C]. */
export function feedForward(x: Tensor, { up, down }: FeedForwardWeights, activation: keyof typeof activations): Tensor {
  return linear(activations[activation](linear(x, up)), down); // [B, T, C] → [B, T, F] → [B, T, C]
}

/** The check for models that are trained or saved. */
export const aModel: Kind = instance(Transformer, "a Transformer");
const aState: Kind = instance(ModelState, "a state that newState() made");

/** Returns dropout with a different key at each call, or the identity. */
function dropoutFor(rate: number, key?: number): (x: Tensor) => Tensor {
  if (rate === 0 || key === undefined) return (x) => x;
  let place = 0;
  return (x) => dropout(x, rate, (Math.imul(key, 0x9e3779b1) + place++) | 0);
}
