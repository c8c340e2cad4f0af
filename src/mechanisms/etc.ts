/**
 * ETC (Ainslie et al. 2020), read in order: a query sees a sliding window of tokens, and one global token for each finished block of the
 * document, which has read its block by a learned query.
 *
 * In the published encoder, global and long tokens read each other without order, so every token sees the future through them. Here a global
 * token exists only when its block is finished, and reads nothing else: k̃ = Σ p k, ṽ = Σ p v with p = softmax(s · q_g·k) over the block.
 * The newest are kept from segment to segment, as constants.
 */
import { attention } from "../autodiff/ops/attention.ts";
import { joinAttention } from "../autodiff/ops/blend.ts";
import { repeat } from "../autodiff/ops/elementwise.ts";
import { listedAttention } from "../autodiff/ops/listed.ts";
import { stridedLists } from "../autodiff/ops/lists.ts";
import { l2Normalize } from "../autodiff/ops/norm.ts";
import { type QueryBlock, rangedAttention } from "../autodiff/ops/ranged.ts";
import type { LocalInputs } from "../nn/self-attention.ts";
import { kernels } from "../wasm/runtime.ts";
import type { AttentionMechanism, MechanismLayer, ReadingLayer } from "./mechanism.ts";
import { writeTokens } from "./tokens.ts";

/** The global tokens of blocks that end in this segment, at the place of the block's last token; [B, n, H·D] both, 0 elsewhere. */
function globalTokens({ q, k, v, scale, context }: LocalInputs, layer: ReadingLayer) {
  const { mechanism_block: size, head_dim: width } = layer.sizes;
  const [rows, segment] = q.shape;
  const query = repeat(l2Normalize(layer.parameter("global_query"), width), [rows, segment]); // [B, n, H·D]
  const read = layer.read.map((count) => count + layer.offset);
  const lists = stridedLists(context, segment, { stride: 1, most: size, every: size, read });
  const values = listedAttention(query, k, v, scale, undefined, context, lists).out;
  const keys = listedAttention(query, k, k, scale, undefined, { ...context, values: context.keys }, lists).out;
  return { keys: l2Normalize(keys, width), values };
}

/** Tokens of the segment, from its first to behind token `end`, that are the last of a block; numbers within the segment. */
function blockEnds({ sizes: { mechanism_block: size }, read }: MechanismLayer, row: number, end: number): number[] {
  const first = size - 1 - (read[row] % size);
  return Array.from({ length: Math.max(0, Math.ceil((end - first) / size)) }, (_, n) => first + n * size);
}

/** What the row's queries see of the global tokens: those kept, [M], and those of the segment up to each query, [T]. */
function visibleTokens(layer: MechanismLayer, row: number, count: number): QueryBlock[] {
  const { offset, read } = layer;
  const { mechanism_kept: slots, mechanism_block: size } = layer.sizes;
  const kept = Math.min(slots, Math.floor(read[row] / size));
  const ends = blockEnds(layer, row, offset + count);
  const cuts = [offset, ...ends.filter((end) => end > offset), offset + count];
  return cuts.slice(0, -1).map((from, n): QueryBlock => {
    const seen = ends.filter((end) => end <= from).map((end) => [slots + end, slots + end + 1] as const);
    const ranges = kept > 0 ? [[slots - kept, slots] as const, ...seen] : seen;
    return { queries: [from - offset, cuts[n + 1] - offset], ranges };
  });
}

export const etc: AttentionMechanism = {
  about: "window and a global token for each finished block (ETC)",
  settings: ["mechanism_window", "mechanism_block", "mechanism_kept"],
  past: ({ mechanism_window, mechanism_block }) => Math.max(mechanism_window, mechanism_block) - 1,
  parameters: ({ num_attention_heads, head_dim }) => [
    {
      name: "global_query",
      shape: [num_attention_heads * head_dim],
      group: "attention",
      initial: (random) => random.normal(),
    },
  ],
  carries: ({ mechanism_kept, segment_length, num_attention_heads, head_dim }) => {
    const shape = [mechanism_kept + segment_length, num_attention_heads * head_dim];
    return { keys: shape, values: shape };
  },
  attend: (inputs, layer) => {
    const { q, k, v, scale, bias, context } = inputs;
    const { mechanism_kept: slots, mechanism_window, segment_length } = layer.sizes;
    const near = attention(q, k, v, scale, bias, { ...context, window: mechanism_window - 1 });
    const tokens = globalTokens(inputs, layer);
    const [keys, values] = [layer.carried("keys"), layer.carried("values")];
    writeTokens(keys, slots + layer.offset, tokens.keys);
    writeTokens(values, slots + layer.offset, tokens.values);
    const [capacity, past] = [slots + segment_length, slots + layer.offset];
    const rows = Array.from(layer.read, (_, row) => visibleTokens(layer, row, q.shape[1]));
    const pool = { ...context, keys, values, capacity, past };
    const far = rangedAttention(q, tokens.keys, tokens.values, scale, undefined, pool, { rows });
    return joinAttention(near, far);
  },
  // The segment's global tokens join those that are kept, and push out the oldest.
  afterSegment: (layer) => {
    const { mechanism_kept: slots, segment_length: segment } = layer.sizes;
    for (const pool of [layer.carried("keys"), layer.carried("values")]) {
      const token = (pool.size / layer.rows / (slots + segment)) * 4;
      for (let row = 0; row < layer.rows; row++) {
        const at = pool.ptr + row * (slots + segment) * token;
        const all = blockEnds(layer, row, segment);
        const ends = all.slice(Math.max(0, all.length - slots));
        kernels.move(at, at + ends.length * token, (slots - ends.length) * token);
        for (const [n, end] of ends.entries()) {
          kernels.move(at + (slots - ends.length + n) * token, at + (slots + end) * token, token);
        }
      }
    }
  },
};
