/**
 * The description of a language model as data: sizes, norms, activation, positions, biases, windows. Each family of models turns
 * its own configuration into this one type, and one forward pass computes all of them. It holds no weights; parameters.ts
 * lists those that a description asks for.
 *
 * Letters in shapes: V vocabulary, C width, L layers, H heads, KV key heads, D head width, F width of the feed-forward block.
 *
 * A block computes, with x of [B, T, C]:
 *
 *     serial:    x = x + attention_norm?(attention(input_norm(x)));  x = x + output_norm?(mlp(mlp_norm(x)))
 *     parallel:  x = x + attention(input_norm(x)) + mlp(mlp_norm(x))
 *
 * where the norms with a question mark exist if `outputNorms` is true. Query head h reads the keys of head ⌊h · KV / H⌋.
 */

/** The families that can be read, by the `model_type` of their config.json. */
export type Family = "gpt2" | "gpt_neo" | "gpt_neox" | "llama" | "qwen2" | "qwen3" | "gemma3_text";

/** A model, described. */
export interface Architecture {
  /** The family, for messages and for writing files; no computation depends on it. */
  readonly family: Family;
  /** V, rows of the embedding. */
  readonly vocabulary: number;
  /** C, width of the residual stream. */
  readonly width: number;
  /** L, number of blocks. */
  readonly layers: number;
  /** H, query heads of a layer. */
  readonly heads: number;
  /** KV, key and value heads of a layer; a divisor of H. */
  readonly keyHeads: number;
  /** D, width of a head; not always C / H. */
  readonly headWidth: number;
  /** F, width of the feed-forward block. */
  readonly mlpWidth: number;
  /** Tokens of the longest text that the model was made for. */
  readonly context: number;
  /** The norm of every place in the model, the last one included. */
  readonly norm: Norm;
  /** Whether a block also normalises the outputs of attention and of the feed-forward block, before they are added to x. */
  readonly outputNorms: boolean;
  /** Whether q and k are normalised per head, with weights [D], before they are rotated. The kind is `norm`. */
  readonly headNorms: boolean;
  /** Whether the feed-forward block reads what attention wrote (serial), or both read the same x (parallel). */
  readonly block: "serial" | "parallel";
  /** Activation of the feed-forward block: GELU by tanh, GELU by the error function, or x · sigmoid(x). */
  readonly activation: "gelu_tanh" | "gelu_erf" | "silu";
  /** Whether the feed-forward block is down(activation(gate(x)) · up(x)); otherwise it is down(activation(up(x))). */
  readonly gated: boolean;
  /** How the model knows the order of tokens. */
  readonly positions: LearnedPositions | RotaryPositions;
  /** Factor of q · k before the softmax. */
  readonly scoreScale: number;
  /** The projections that have a bias. */
  readonly biases: Biases;
  /** For each layer the keys that a query sees, its own included; null is all of them. */
  readonly windows: readonly (number | null)[];
  /** Factor of the embedding where a token enters; not of the head. */
  readonly embeddingScale: number;
  /** Whether the head is the embedding. */
  readonly tiedHead: boolean;
  /** Tokens that end a text, in ascending order. */
  readonly stopIds: readonly number[];
}

/** A norm over the last axis: "layer" subtracts the mean and adds a bias, "rms" does neither. */
export interface Norm {
  readonly kind: "layer" | "rms";
  /** Added to the mean square, or to the variance. */
  readonly epsilon: number;
  /** Added to the stored weight: 1 where files hold w for a factor of 1 + w, otherwise 0. */
  readonly weightOffset: 0 | 1;
}

/** A learned vector for each position, `positions.weight` [rows, C], added to the embedding. */
export interface LearnedPositions {
  readonly kind: "learned";
  /** Positions that exist. */
  readonly rows: number;
}

/**
 * Rotation of q and k by their positions, in halves: of the first `dimensions` entries of a head, entry i is paired with
 * entry i + dimensions / 2, and the pair at position p turns by the angle p · frequencies[layer][i]. The others are unchanged.
 */
export interface RotaryPositions {
  readonly kind: "rotary";
  /** R, rotated entries of a head: even, at most D. */
  readonly dimensions: number;
  /** For each layer R / 2 angles per position, in radians. Layers of one kind share an array. */
  readonly frequencies: readonly Float64Array[];
}

/** Projections with a bias. Where `gated` is false there is no gate. */
export interface Biases {
  readonly q: boolean;
  readonly k: boolean;
  readonly v: boolean;
  readonly o: boolean;
  readonly gate: boolean;
  readonly up: boolean;
  readonly down: boolean;
}
