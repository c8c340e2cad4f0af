/**
 * A mechanism: another way of seeing what came before, in the place of every layer's local attention, of every block, or of all blocks together. The
 * paper's section 2 names most of those in this folder. list.ts lists them; each is one file.
 *
 * A mechanism sees no token after the one that it computes, however the text is cut into calls. It may learn parameters of its own and
 * carry numbers from segment to segment. What it carries is 0 where a document begins, and is saved in checkpoints.
 */
import type { Tensor } from "../autodiff/tensor.ts";
import type { Random } from "../base/random.ts";
import type { Declaration } from "../nn/parameters.ts";
import type { LayerContext, LocalAttention, LocalInputs } from "../nn/self-attention.ts";
import type { MechanismSettings } from "./settings.ts";

/** The keys of a model's configuration that a mechanism may read. Settings that it does not name are undefined. */
export interface MechanismSizes extends MechanismSettings {
  /** C */
  readonly hidden_size: number;
  /** L */
  readonly num_hidden_layers: number;
  /** H */
  readonly num_attention_heads: number;
  /** D */
  readonly head_dim: number;
  /** F */
  readonly intermediate_size: number;
  /** T */
  readonly segment_length: number;
  /** Earlier tokens whose pairs a layer's context keeps, unless the mechanism says how many. */
  readonly xl_cache_length: number;
  /** Added to the mean square in RMSNorm. */
  readonly rms_norm_eps: number;
  /** First value of a head's scale of logits. */
  readonly attention_scale_init: number;
}

/** A layer between two segments, or between two parts of one. */
export interface MechanismLayer {
  /** The configuration. */
  readonly sizes: MechanismSizes;
  /** Number of the layer, from 0. */
  readonly layer: number;
  /** B */
  readonly rows: number;
  /** Tokens of the current segment that were read before, the same in every row. */
  readonly offset: number;
  /** Tokens of each row's document before the current segment, [B]. */
  readonly read: Int32Array;
  /** What the mechanism carries under this name, [B, ...]. */
  carried(name: string): Tensor;
}

/** A layer's sizes, number and parameters. */
export interface LearningLayer extends Pick<MechanismLayer, "sizes" | "layer"> {
  /** The parameter that the mechanism declared under this name. */
  parameter(name: string): Tensor;
}

/** A layer in a forward pass. */
export interface ReadingLayer extends MechanismLayer, LearningLayer {
  /** Dropout, or the identity outside training. */
  drop(x: Tensor): Tensor;
  /** In training, takes a loss [1] that is added to that of the predictions. */
  readonly auxiliary: ((loss: Tensor) => void) | undefined;
  /** The model's feed-forward, activation(x W1) W2: x [B, n, C], up [F, C], down [C, F] → [B, n, C]. */
  feedForward(x: Tensor, weights: { readonly up: Tensor; readonly down: Tensor }): Tensor;
}

/**
 * What all kinds of mechanism say of themselves. A forward pass must not change what earlier passes left in the carried tensors:
 * it may only write to places that belong to its own tokens. The two `after` functions do the rest. They run outside the tape, and the
 * backward of the last pass may follow them, so an op must copy what they overwrite.
 */
export interface MechanismParts {
  /** One line for tables, with the source. */
  readonly about: string;
  /** The settings that it reads. */
  readonly settings: readonly (keyof MechanismSettings)[];
  /** Returns what is wrong with a combination of settings, as a sentence without its source. */
  readonly refuse?: (sizes: MechanismSizes) => string | undefined;
  /** Parameters of a layer, or of the stack. The model puts `model.layers.N.mechanism.` or `model.mechanism.` before their names. */
  readonly parameters?: (sizes: MechanismSizes) => readonly Declaration[];
  /** Shapes of one row of what a layer carries, by name. */
  readonly carries?: (sizes: MechanismSizes) => Readonly<Record<string, readonly number[]>>;
  /** Called after every forward pass with the number of tokens that each row read; `offset` is still the one before them. */
  readonly afterTokens?: (layer: MechanismLayer, count: number) => void;
  /** Called when a segment is complete, before the next begins. `context` still holds all of it; a block has none. */
  readonly afterSegment?: (layer: MechanismLayer, context: LayerContext | undefined) => void;
  /**
   * Called when the one row's document was read whole and will be read again from its beginning; `offset` tokens of its last segment were
   * read. From then on the mechanism sees all that it collected, also of later tokens.
   */
  readonly readAgain?: (layer: MechanismLayer) => void;
  /**
   * Called before a training step, when `steps` others are done. It may set parameters that no gradient reaches, with `random`, which
   * checkpoints keep. Returns whether what layers carry has lost its meaning; it is then set to 0.
   */
  readonly beforeStep?: (layer: LearningLayer, steps: number, random: Random) => boolean;
}

/** A mechanism in the place of local attention. Memory layers blend its answer with the memory's. */
export interface AttentionMechanism extends MechanismParts {
  /** Earlier tokens whose pairs a layer's context must keep. Default: xl_cache_length, and otherwise that key must be 0. */
  readonly past?: (sizes: MechanismSizes) => number;
  /** Positions at the beginning of a context, before the past, that stay where they are; `afterSegment` fills them. Default: 0. */
  readonly pinned?: (sizes: MechanismSizes) => number;
  /** Whether keys are their own queries, so that there is no projection to queries. */
  readonly sharesKeys?: boolean;
  /** Returns out [B, n, H·D] and the logsumexp of each query's logits, [B, n, H]. */
  readonly attend: (inputs: LocalInputs, layer: ReadingLayer) => ReturnType<LocalAttention>;
}

/** A mechanism in the place of a whole block: attention, feed-forward and both sums. It has no context and no memory layers. */
export interface BlockMechanism extends MechanismParts {
  /** x [B, n, C] → [B, n, C]: the residual stream before and after the block. */
  readonly block: (x: Tensor, layer: ReadingLayer) => Tensor;
}

/**
 * A mechanism in the place of all blocks together, for one whose layers need each other's results of earlier tokens. Its parameters and
 * what it carries are there once. It has no context and no memory layers.
 */
export interface StackMechanism extends MechanismParts {
  /** x [B, n, C] → [B, n, C]: the residual stream before the first block and after the last. */
  readonly stack: (x: Tensor, layer: ReadingLayer) => Tensor;
}

/** Any mechanism. */
export type Mechanism = AttentionMechanism | BlockMechanism | StackMechanism;
