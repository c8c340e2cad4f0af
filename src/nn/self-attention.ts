/**
 * The attention half of a block, with or without a memory: the paper's Figure 2 in thirty lines.
 *
 * Projects, normalises queries and keys, attends locally, and in a memory layer also to the pairs that the memory returns. The
 * memory is only read here; model/state.ts appends to it.
 */
import { type AttentionContext, attention, extendContext, type PositionBias } from "../autodiff/ops/attention.ts";
import { blend } from "../autodiff/ops/blend.ts";
import { scaleRows } from "../autodiff/ops/elementwise.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import { l2Normalize, type PrecedingKeys, smearKeys } from "../autodiff/ops/norm.ts";
import { type Neighbours, retrievedAttention } from "../autodiff/ops/retrieved.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import type { MemorySearch } from "../memory/served/served-pairs.ts";
import { type Gate, gateLogit } from "./gate.ts";
import { sharpness } from "./sharpening.ts";

/**
 * q, k, v [H·D, C]; o [C, H·D]; scale and smear [H]. Layers with a memory have a gate. Layers without a smear do not change
 * their keys; in those without q, keys are queries as well.
 */
export interface SelfAttentionWeights {
  readonly q: Tensor | undefined;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly o: Tensor;
  readonly scale: Tensor;
  readonly bias: PositionBias | undefined;
  readonly gate: Gate | undefined;
  readonly smear: Tensor | undefined;
}

/** The context that a layer attends in, and the keys before it where they are smeared. */
export interface LayerContext extends AttentionContext {
  /** The keys before the context, where keys are smeared. */
  readonly preceding: PrecedingKeys | undefined;
}

/** What local attention sees. */
export interface LocalInputs {
  /** The layer's input, [B, T, C]. */
  readonly x: Tensor;
  /** q̂, [B, T, H·D]; k itself where keys are their own queries. */
  readonly q: Tensor;
  /** k̂, smeared where keys are, [B, T, H·D]. */
  readonly k: Tensor;
  /** Values, [B, T, H·D]. */
  readonly v: Tensor;
  /** Scale of each head's logits, [H]. */
  readonly scale: Tensor;
  /** The position bias, if the layer has one. */
  readonly bias: PositionBias | undefined;
  /** The layer's context, which holds k and v already. */
  readonly context: LayerContext;
}

/** Attention to the context. Returns out [B, T, H·D] and the logsumexp of each query's logits, [B, T, H]. */
export type LocalAttention = (inputs: LocalInputs) => { readonly out: Tensor; readonly lse: Tensor };

/** Attention to all of the context that a query may see. */
const wholeContext: LocalAttention = ({ q, k, v, scale, bias, context }) => attention(q, k, v, scale, bias, context);

/** The pairs that a memory layer retrieved in a forward pass, and how it used them; read it before the step ends. */
export interface Retrieval {
  /** q̂ times the sharpness, [B, T, H·D]. */
  readonly queries: Tensor;
  /** The factor on the logits of each row, [B]. */
  readonly sharpness: readonly number[];
  /** The pairs found. Their scores have the sharpness too. */
  readonly neighbours: Neighbours;
  /** Softmax of the K scores, [B, T, H, K]; only the first counts[row] of the K are defined. */
  readonly weights: Tensor;
  /** The share of the memory in each head's result, [B, T, H]; 0 for a row that retrieved nothing. */
  readonly gates: Tensor;
}

/** A memory to read from, how many pairs a query retrieves, and an observer of them. */
export interface MemoryAccess {
  readonly memory: MemorySearch;
  readonly topk: number;
  /** The number of pairs from which on attention to them gets sharper (sharpening.ts); 0: never. */
  readonly sharpenFrom: number;
  /** How much the logits of pairs lose with the logarithm of their age; 0: nothing. */
  readonly fade: number;
  /** How many of its newest pairs each row may look up, [B]. Default: all. */
  readonly reach?: ArrayLike<number>;
  readonly observe?: (retrieval: Retrieval) => void;
}

/** The segment's keys and values, x [B, T, C] → k̂, k (smeared where keys are) and v [B, T, H·D]. Writes k and v into `context`. */
export function extendWithPairs(x: Tensor, weights: Omit<SelfAttentionWeights, "q" | "o">, context: LayerContext) {
  const { smear } = weights;
  const width = weights.k.shape[0] / weights.scale.size; // D
  const kHat = l2Normalize(linear(x, weights.k), width);
  const k = smear && context.preceding ? smearKeys(kHat, smear, context.preceding) : kHat;
  const v = linear(x, weights.v);
  extendContext(context, k, v);
  return { kHat, k, v };
}

/** x [B, T, C] → [B, T, C]. Writes the segment's keys and values into `context`, to which `attend` attends. */
export function selfAttention(
  x: Tensor,
  weights: SelfAttentionWeights,
  context: LayerContext,
  access: MemoryAccess | undefined,
  attend: LocalAttention = wholeContext,
): Tensor {
  const { scale, bias } = weights;
  const projected = weights.q && l2Normalize(linear(x, weights.q), weights.k.shape[0] / scale.size); // [B, T, C] → [B, T, H·D]
  const { kHat, k, v } = extendWithPairs(x, weights, context);
  const q = projected ?? kHat;
  const local = attend({ x, q, k, v, scale, bias, context });
  if (access === undefined) return linear(local.out, weights.o);
  const factors = sharpnessOfRows(access, x.shape[0]);
  const queries = factors.every((factor) => factor === 1) ? q : scaleRows(q, factors);
  const neighbours = access.memory.lookup(queries, access.topk, access.reach);
  if (neighbours.counts.every((count) => count === 0)) return linear(local.out, weights.o);
  const retrieved = retrievedAttention(queries, scale, neighbours, access.fade);
  const logit = gateLogit(weights.gate!, x, retrieved.lse, local.lse); // [B, T, H]
  const blended = blend(local.out, retrieved.out, logit, neighbours.counts);
  access.observe?.({ queries, sharpness: factors, neighbours, weights: retrieved.weights, gates: blended.gates });
  return linear(blended.out, weights.o);
}

/** The sharpness of each row's lookups, by the pairs that it may look up, [B]. */
function sharpnessOfRows({ memory, reach, sharpenFrom }: MemoryAccess, rows: number): number[] {
  return Array.from({ length: rows }, (_, row) => {
    return sharpness(Math.min(memory.length(row), reach?.[row] ?? Number.POSITIVE_INFINITY), sharpenFrom);
  });
}
