/**
 * How much of a memory's gain each kv head brings, from a few passes over documents instead of one pass for each head: integrated
 * gradients (Sundararajan et al. 2017).
 *
 * Add an offset b to the memory's logits in all heads. At −∞ there is no memory, at 0 there is all of it, so the whole gain is
 * −∫ dL/db, and dL/db is a sum over heads: each head's own integral is its share. Heads that only help together share what they bring.
 * Gradients do not pass through remembered pairs.
 */
import { crossEntropy } from "../autodiff/ops/vocabulary.ts";
import { backward, noGrad, step } from "../autodiff/tape.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import { evaluationBatches } from "../data/batches.ts";
import type { TokenizedDocument } from "../data/corpus.ts";
import type { Decoder } from "../families/decoder.ts";
import type { DecoderState } from "../families/decoder-state.ts";
import type { ReadingSettings } from "../families/reading-settings.ts";
import { offsetName } from "../families/weights.ts";
import { type Segment, segmentOf } from "../nn/segment.ts";

/** Below this offset the memory has no weight to speak of. */
const LEAST_OFFSET = -6;

/** Gauss and Legendre's three points in [0, 1] and their weights, which are exact for polynomials of degree five. */
const POINTS = [
  { at: 0.5 - Math.sqrt(0.15), weight: 5 / 18 },
  { at: 0.5, weight: 8 / 18 },
  { at: 0.5 + Math.sqrt(0.15), weight: 5 / 18 },
];

/** Passes over the documents. */
export const GAIN_PASSES = POINTS.length;

/** A kv head and what its memory brings. */
export interface HeadGain {
  readonly layer: number;
  readonly head: number;
  /** Nats a token by which the loss falls; below 0 for a memory that harms. */
  readonly gain: number;
}

/** What is read, and with which memory. */
export interface GainReading {
  readonly documents: readonly TokenizedDocument[];
  /** Tokens predicted in each document. */
  readonly maxTokens: number;
  /** How states read; their `memoryHeads` are those that are compared. */
  readonly settings: Partial<ReadingSettings>;
}

/**
 * The share of every head in the gain over the model without a memory, in nats a token. The weights of `model` must be floats.
 * Yields the number of predicted tokens after each segment.
 */
export function* gainShares(model: Decoder, reading: GainReading): Generator<number, HeadGain[]> {
  const { architecture } = model;
  const sums = new Map<number, Float64Array>(); // layer → [H], Σ over points and tokens
  let tokens = 0;
  const offsets = new Offsets(model);
  try {
    for (const { at, weight } of POINTS) {
      offsets.move(LEAST_OFFSET * (1 - at));
      for (const { segment, state } of segmentsOf(model, reading)) {
        subtractSlopes(sums, -LEAST_OFFSET * weight, slopesOf(model, segment, state));
        const count = segment.lengths.reduce((sum, length) => sum + length, 0);
        tokens += count;
        yield count;
      }
    }
  } finally {
    offsets.restore();
  }
  const group = architecture.heads / architecture.keyHeads;
  const heads = reading.settings.memoryHeads ?? [];
  return heads.map(([layer, head]) => {
    const own = sums.get(layer)?.subarray(head * group, (head + 1) * group) ?? new Float64Array();
    return { layer, head, gain: (GAIN_PASSES * own.reduce((sum, gain) => sum + gain, 0)) / tokens };
  });
}

/** Subtracts `factor` times the slopes [H] of each layer: the loss falls where the gain rises. */
function subtractSlopes(
  sums: Map<number, Float64Array>,
  factor: number,
  slopes: ReadonlyMap<number, Float32Array>,
): void {
  for (const [layer, ofHeads] of slopes) {
    const sum = sums.get(layer) ?? new Float64Array(ofHeads.length);
    for (const [head, slope] of ofHeads.entries()) sum[head] -= factor * slope;
    sums.set(layer, sum);
  }
}

/** The offsets of a model's memories, which get gradients for a while and are in the end what they were. */
class Offsets {
  private readonly before: readonly {
    readonly tensor: Tensor;
    readonly values: Float32Array;
    readonly requiresGrad: boolean;
    readonly grad: Tensor | undefined;
  }[];

  constructor({ architecture, parameters }: Decoder) {
    this.before = Array.from({ length: architecture.layers }, (_, layer) => {
      const tensor = parameters.get(offsetName(layer));
      const { requiresGrad, grad } = tensor;
      Object.assign(tensor, { requiresGrad: true, grad: undefined });
      return { tensor, values: tensor.toArray(), requiresGrad, grad };
    });
  }

  /** Moves all of them by `distance` from what they were. */
  move(distance: number): void {
    for (const { tensor, values } of this.before) tensor.set(values.map((value) => value + distance));
  }

  restore(): void {
    this.move(0);
    for (const { tensor, requiresGrad, grad } of this.before) Object.assign(tensor, { requiresGrad, grad });
  }
}

/** The segments of all documents, in order, and the state that has read what is before each. */
function* segmentsOf(model: Decoder, { documents, maxTokens, settings }: GainReading) {
  const state = model.newState({ rows: 1, ...settings });
  const { segmentLength } = state;
  try {
    for (const batch of evaluationBatches(documents, { rows: 1, segmentLength, maxTokens })) {
      yield { segment: segmentOf(batch, 0, 1), state };
    }
  } finally {
    state.release();
  }
}

/** Σ over the segment's tokens of dL/db, [H] of each memory layer; none while nothing is remembered. Reads the segment into `state`. */
function slopesOf(model: Decoder, segment: Segment, state: DecoderState): Map<number, Float32Array> {
  const { ids, lengths, targets, starts } = segment;
  state.begin(starts);
  const layers = [...state.memories].filter(([, memory]) => memory.length(0) > 0).map(([layer]) => layer);
  return step(() => {
    if (layers.length === 0) {
      noGrad(() => model.hidden({ ids, lengths }, state));
      return new Map();
    }
    const { loss, count } = crossEntropy(model.forward({ ids, lengths }, state), targets);
    backward(loss, [count]);
    return new Map(layers.map((layer) => [layer, takeGradient(model, layer)]));
  });
}

/** The gradient of a layer's offsets. It was made in this step and ends with it. */
function takeGradient({ parameters, architecture }: Decoder, layer: number): Float32Array {
  const offset = parameters.get(offsetName(layer));
  const gradient = offset.grad?.toArray() ?? new Float32Array(architecture.heads);
  offset.grad = undefined;
  return gradient;
}
