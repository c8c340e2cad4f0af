/**
 * Feedback Transformer (Fan et al. 2020): when a token has passed all layers, their outputs become one memory vector,
 * m_t = Σ_l softmax(w)_l x_t^l, and all layers of later tokens attend to the last of these vectors, with keys and values that all
 * layers share. So even the first layer reads what the last one made of earlier tokens.
 *
 * A token needs the vector of the one before, so tokens come one by one, in training too: segments should be short. A token does not see
 * itself but in the residual stream. The first token of a document sees nothing, and its attention gives 0.
 */

import { POSITION_BUCKETS, positionBuckets } from "../autodiff/ops/attention.ts";
import { selectHeads } from "../autodiff/ops/heads.ts";
import { listedAttention } from "../autodiff/ops/listed.ts";
import { stridedLists } from "../autodiff/ops/lists.ts";
import { linear, matmul } from "../autodiff/ops/matmul.ts";
import { l2Normalize, rmsNorm } from "../autodiff/ops/norm.ts";
import { place } from "../autodiff/ops/place.ts";
import { softmax } from "../autodiff/ops/softmax.ts";
import { stepZeros, type Tensor } from "../autodiff/tensor.ts";
import { constant, matrix, norm } from "../nn/declarations.ts";
import type { MechanismSizes, ReadingLayer, StackMechanism } from "./mechanism.ts";
import { applyLayer, type LayerQuery, layerParameters } from "./stack-layer.ts";
import { rollTokens, writeTokens } from "./tokens.ts";

/** The memory while a pass is read: keys and values of this pass [B, n, H·D] for gradients, and of all that is seen, in `carried`. */
interface FeedbackMemory {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Where a row's memory begins in the carried tensors: it holds the last w vectors before the segment, and the segment's. */
const slotsOf = ({ mechanism_window: window }: MechanismSizes) => window;

/** What token t of the pass reads of the memory, for each layer: x [B, 1, C] → [B, 1, H·D]. */
function memoryReader(layer: ReadingLayer, memory: FeedbackMemory, t: number) {
  const { sizes, parameter, carried, offset, read } = layer;
  const slots = slotsOf(sizes);
  const [keys, values] = [carried("keys"), carried("values")];
  const capacity = slots + sizes.segment_length;
  const past = slots + offset + t - 1; // position of the vector before
  const first = Int32Array.from(read, (count) => Math.max(0, slots - count));
  const context = { keys, values, capacity, past, first, window: Number.POSITIVE_INFINITY };
  const lists = stridedLists(context, 1, { stride: 1, most: sizes.mechanism_window });
  const bias = { table: parameter("relative_attention_bias.weight"), buckets: positionBuckets(capacity) };
  return ({ query, scale }: LayerQuery) =>
    listedAttention(query, memory.keys, memory.values, scale, bias, context, lists, slots + offset).out;
}

/** All layers for token t of the pass, x [B, 1, C] → [B, 1, C]; puts its memory vector into the memory. */
function readToken(x: Tensor, t: number, layer: ReadingLayer, memory: FeedbackMemory, shares: Tensor): Tensor {
  const { sizes, parameter, carried, offset } = layer;
  const [rows, , width] = x.shape;
  const layers = sizes.num_hidden_layers;
  const outputs = stepZeros([1, layers + 1, rows * width]);
  place(outputs, 0, x);
  const attend = memoryReader(layer, memory, t);
  for (let n = 0; n < layers; n++) {
    x = applyLayer(x, `layers.${n}`, layer, attend);
    place(outputs, n + 1, x);
  }
  const all = { width: rows * width, heads: 1, order: Int32Array.of(0) };
  const mixed = selectHeads(matmul(shares, outputs), all, x.shape); // [1, 1, B · C] → [B, 1, C]
  const vector = rmsNorm(mixed, parameter("memory_norm.weight"), sizes.rms_norm_eps);
  const pair = {
    keys: l2Normalize(linear(vector, parameter("k_proj.weight")), sizes.head_dim),
    values: linear(vector, parameter("v_proj.weight")),
  };
  for (const kind of ["keys", "values"] as const) {
    place(memory[kind], t, pair[kind]);
    writeTokens(carried(kind), slotsOf(sizes) + offset + t, pair[kind]);
  }
  return x;
}

export const feedback: StackMechanism = {
  about: "one memory vector a token, from all layers for all layers (Feedback Transformer)",
  settings: ["mechanism_window"],
  parameters: (sizes) => {
    const { hidden_size: width, num_attention_heads: heads, head_dim, num_hidden_layers: layers } = sizes;
    return [
      { name: "layer_shares", shape: [1, 1, layers + 1], group: "attention", initial: constant(0) },
      norm("memory_norm.weight", width),
      matrix("k_proj.weight", heads * head_dim, width),
      matrix("v_proj.weight", heads * head_dim, width),
      {
        name: "relative_attention_bias.weight",
        shape: [heads, POSITION_BUCKETS],
        group: "attention",
        initial: constant(0),
      },
      ...Array.from({ length: layers }, (_, n) => layerParameters(sizes, `layers.${n}`)).flat(),
    ];
  },
  carries: (sizes) => {
    const shape = [slotsOf(sizes) + sizes.segment_length, sizes.num_attention_heads * sizes.head_dim];
    return { keys: shape, values: shape };
  },
  stack: (x, layer) => {
    const { num_attention_heads: heads, head_dim } = layer.sizes;
    const [rows, count, width] = x.shape;
    const pairs = () => stepZeros([rows, count, heads * head_dim]);
    const memory = { keys: pairs(), values: pairs() };
    const shares = softmax(layer.parameter("layer_shares")); // [1, 1, L + 1]
    const out = stepZeros(x.shape);
    for (let t = 0; t < count; t++) {
      const token = selectHeads(x, { width, heads: count, order: Int32Array.of(t) }, [rows, 1, width]);
      place(out, t, readToken(token, t, layer, memory, shares));
    }
    return out;
  },
  afterSegment: ({ carried, sizes }) => {
    for (const kind of ["keys", "values"]) rollTokens(carried(kind), sizes.segment_length);
  },
};
