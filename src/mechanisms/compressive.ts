/**
 * Compressive Transformer (Rae et al. 2020): pairs that leave a Transformer-XL cache are not dropped but compressed, c to one, by a
 * convolution of stride c; a query attends to [compressed | cache | segment] in one softmax.
 *
 * The convolution has a loss of its own: attention to the compressed pairs shall give what attention to the original ones gave. Queries
 * and original pairs are constants in it, so it reaches the convolution alone. The paper compresses hidden states; here keys and values are
 * compressed, each by a convolution that all heads share, and the loss of the predictions reaches it as well.
 */
import { attention } from "../autodiff/ops/attention.ts";
import { joinAttention } from "../autodiff/ops/blend.ts";
import { subtract } from "../autodiff/ops/elementwise.ts";
import { selectHeads } from "../autodiff/ops/heads.ts";
import { intervalAttention } from "../autodiff/ops/interval-attention.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import { meanSquare } from "../autodiff/ops/mean-square.ts";
import { l2Normalize } from "../autodiff/ops/norm.ts";
import { detached, stepTensor, type Tensor } from "../autodiff/tensor.ts";
import { matrix } from "../nn/declarations.ts";
import type { LocalInputs } from "../nn/self-attention.ts";
import { kernels } from "../wasm/runtime.ts";
import { refuseRest } from "./blocks.ts";
import { appendCells, attendToCells, type CellKind, carriedCells, type Pairs, rollCells } from "./cells.ts";
import type { AttentionMechanism, MechanismLayer, MechanismSizes, ReadingLayer } from "./mechanism.ts";

/** The compressed pairs: those that left the cache when a segment ended are the cells of the next one. */
function cellsOf({
  segment_length: segment,
  mechanism_stride: stride,
  mechanism_kept: kept,
}: MechanismSizes): CellKind {
  return { name: "compressed", kept, added: segment / stride };
}

/** Tokens of a row's document that have left its cache. */
function gone({ read, sizes }: MechanismLayer, row: number): number {
  return Math.max(0, read[row] - sizes.mechanism_window);
}

/** Compresses pairs [B, T, H·D] to [B, T / c, H·D]: the c vectors of a head, side by side, times a weight [D, c·D]. */
function convolve(
  pairs: Tensor,
  weight: Tensor,
  { num_attention_heads: heads, head_dim, mechanism_stride }: MechanismSizes,
) {
  const [rows, tokens] = pairs.shape;
  const order = Int32Array.from({ length: heads * mechanism_stride }, (_, i) => {
    return (i % mechanism_stride) * heads + Math.floor(i / mechanism_stride);
  });
  const cells = tokens / mechanism_stride;
  const byHead = selectHeads(pairs, { width: head_dim, heads: heads * mechanism_stride, order }, [
    rows,
    cells * heads,
    mechanism_stride * head_dim,
  ]);
  const whole = linear(byHead, weight); // [B, T/c · H, D]
  const one = { width: heads * head_dim, heads: 1, order: Int32Array.of(0) };
  return selectHeads(whole, one, [rows, cells, heads * head_dim]);
}

/** Compresses the pairs that left the cache last. */
function compress(layer: ReadingLayer): Pairs {
  const { sizes } = layer;
  const [keys, values] = ["keys", "values"].map((kind) => {
    return convolve(layer.carried(`gone.${kind}`), layer.parameter(`${kind}.weight`), sizes);
  });
  return { keys: l2Normalize(keys, sizes.head_dim), values };
}

function noPairs({ rows, sizes }: MechanismLayer): Pairs {
  const none = stepTensor([rows, 0, sizes.num_attention_heads * sizes.head_dim]);
  return { keys: none, values: none };
}

/** What attention to compressed pairs misses of attention to the original ones, [1]. */
function compressionLoss({ q, scale }: LocalInputs, layer: ReadingLayer, compressed: Pairs): Tensor {
  const [query, fixed] = [detached(q), detached(scale)];
  const [rows, count] = q.shape;
  const found = (keys: Tensor, values: Tensor) => {
    const pairs = keys.shape[1];
    const seen = Int32Array.from({ length: 2 * rows * count }, (_, i) => {
      return i % 2 === 1 && gone(layer, Math.floor(i / 2 / count)) > 0 ? pairs : 0;
    });
    const before = { keys, values, past: 0, first: new Int32Array(rows), seen };
    return intervalAttention(query, keys, values, fixed, before).out;
  };
  const [keys, values] = ["gone.keys", "gone.values"].map((name) => detached(layer.carried(name)));
  return meanSquare(subtract(found(compressed.keys, compressed.values), found(keys, values)));
}

export const compressive: AttentionMechanism = {
  about: "Compressive Transformer (Rae et al. 2020)",
  settings: ["mechanism_window", "mechanism_stride", "mechanism_kept"],
  refuse: (sizes) => {
    const { segment_length: segment, mechanism_window: window } = sizes;
    const whole = `mechanism_window ${window} is not a multiple of segment_length ${segment}; a cache must hold whole segments`;
    return window % segment === 0 ? refuseRest(sizes, "mechanism_stride", sizes.mechanism_stride) : whole;
  },
  past: ({ mechanism_window: window }) => window,
  parameters: ({ head_dim: width, mechanism_stride: stride }) => [
    matrix("keys.weight", width, stride * width),
    matrix("values.weight", width, stride * width),
  ],
  carries: (sizes) => {
    const shape = [sizes.segment_length, sizes.num_attention_heads * sizes.head_dim];
    return { ...carriedCells(sizes, cellsOf(sizes)), "gone.keys": shape, "gone.values": shape };
  },
  attend: (inputs, layer) => {
    const { q, k, v, scale, bias, context } = inputs;
    const kind = cellsOf(layer.sizes);
    const fresh = layer.offset === 0 ? compress(layer) : noPairs(layer);
    const done = layer.offset === 0 ? 0 : kind.added;
    if (layer.offset === 0) layer.auxiliary?.(compressionLoss(inputs, layer, fresh));
    const local = attention(q, k, v, scale, bias, { ...context, window: Number.POSITIVE_INFINITY });
    const earlier = (row: number) => gone(layer, row) / layer.sizes.mechanism_stride - kind.added;
    const coarse = attendToCells(q, scale, layer, kind, { done, fresh, earlier }, () => [-kind.kept, kind.added]);
    appendCells(layer, kind, done, fresh);
    return joinAttention(local, coarse);
  },
  afterSegment: (layer, context) => {
    rollCells(layer, cellsOf(layer.sizes));
    for (const kind of ["keys", "values"] as const) keepGone(layer.carried(`gone.${kind}`), context![kind]);
  },
};

/** Copies the oldest T positions of a context, which leave it, to `gone` [B, T, C]. */
function keepGone(to: Tensor, { ptr, shape: [rows, capacity] }: Tensor): void {
  const [, segment, channels] = to.shape;
  for (let row = 0; row < rows; row++) {
    const bytes = segment * channels * 4;
    kernels.move(to.ptr + row * bytes, ptr + row * capacity * channels * 4, bytes);
  }
}
