/**
 * The attention half of a block, with or without a memory: the paper's Figure 2 in thirty lines.
 *
 * Projects, normalises queries and keys, attends locally, and in a memory layer also to what the memory returns; the memory
 * is only read here. When pairs are remembered is decided in model/state.ts.
 */
import { type AttentionContext, attention, type PositionBias } from "../autodiff/ops/attention.ts";
import { blend } from "../autodiff/ops/blend.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import { l2Normalize } from "../autodiff/ops/norm.ts";
import { type Neighbours, retrievedAttention } from "../autodiff/ops/retrieved.ts";
import { type PrecedingKeys, smearKeys } from "../autodiff/ops/smear.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import type { KvMemory } from "../memory/memory.ts";
import { type Gate, gateLogit } from "./gate.ts";

/**
 * q, k, v [H·D, C]; o [C, H·D]; scale and smear [H]. Layers with a memory have a gate; layers without a smear take each key as
 * it is.
 */
export interface SelfAttentionWeights {
  readonly q: Tensor;
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

/** What a memory layer retrieved in a forward pass, and what it made of it; to be read before the step ends. */
export interface Retrieval {
  /** q̂, [B, T, H·D]. */
  readonly queries: Tensor;
  /** What was found, and where it lies. */
  readonly neighbours: Neighbours;
  /** Softmax of the K scores, [B, T, H, K]; defined for as many of the K as the row retrieved. */
  readonly weights: Tensor;
  /** The share of the memory in each head's result, [B, T, H]; 0 for a row that retrieved nothing. */
  readonly gates: Tensor;
}

/** A memory to read from, how many pairs a query retrieves, and who wants to see them. */
export interface MemoryAccess {
  readonly memory: KvMemory;
  readonly topk: number;
  /** How many of its newest pairs each row may look up, [B]; all by default. */
  readonly reach?: ArrayLike<number>;
  readonly observe?: (retrieval: Retrieval) => void;
}

/** x [B, T, C] → [B, T, C]. Writes the segment's keys and v into `context`. */
export function selfAttention(
  x: Tensor,
  weights: SelfAttentionWeights,
  context: LayerContext,
  access: MemoryAccess | undefined,
): Tensor {
  const { scale, bias, smear } = weights;
  const width = weights.q.shape[0] / scale.size; // D
  const q = l2Normalize(linear(x, weights.q), width); // [B, T, C] → [B, T, H·D]
  const kHat = l2Normalize(linear(x, weights.k), width);
  const k = smear && context.preceding ? smearKeys(kHat, smear, context.preceding) : kHat;
  const v = linear(x, weights.v);
  const local = attention(q, k, v, scale, bias, context);
  if (access === undefined) return linear(local.out, weights.o);
  const neighbours = access.memory.lookup(q, access.topk, access.reach);
  if (neighbours.counts.every((count) => count === 0)) return linear(local.out, weights.o);
  const retrieved = retrievedAttention(q, scale, neighbours);
  const logit = gateLogit(weights.gate!, x, retrieved.lse, local.lse); // [B, T, H]
  const blended = blend(local.out, retrieved.out, logit, neighbours.counts);
  access.observe?.({ queries: q, neighbours, weights: retrieved.weights, gates: blended.gates });
  return linear(blended.out, weights.o);
}
