/**
 * Big Bird (Zaheer et al. 2020, section 2), read in order: a query sees its own block of tokens, the blocks of a sliding window, the
 * document's first tokens, and a few random earlier blocks, the same ones for all queries of a block, or of its part in a segment if two divide it.
 *
 * The published model is an encoder. Its global tokens read everything, so through them every token would see the future; here the first tokens
 * are only read. Random blocks are drawn among those that the context keeps, xl_cache_length; the first tokens are kept for good.
 */
import { type QueryBlock, rangedAttention } from "../autodiff/ops/ranged.ts";
import { Random } from "../base/random.ts";
import { kernels } from "../wasm/runtime.ts";
import type { AttentionMechanism, MechanismLayer, MechanismSizes } from "./mechanism.ts";

type Range = readonly [from: number, to: number];

/** Some blocks of [from, to), at most `count`, the same ones for the same seed. */
function randomBlocks(from: number, to: number, count: number, seed: number): number[] {
  const random = new Random(seed);
  const left = Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n);
  const taken = Math.min(count, left.length);
  return Array.from({ length: taken }, () => left.splice(random.uint32() % left.length, 1)[0]);
}

/** Ranges in ascending order, those that overlap or touch made one. */
function merged(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = result.at(-1);
    if (to <= from) continue;
    if (last && from <= last[1]) result[result.length - 1] = [last[0], Math.max(last[1], to)];
    else result.push([from, to]);
  }
  return result;
}

/** The positions in the document that block `number` sees, of which those from `kept` on are in the context. */
export function visiblePositions(number: number, kept: number, layer: number, sizes: MechanismSizes): Range[] {
  const { mechanism_block: size, mechanism_window, mechanism_first: first, mechanism_random } = sizes;
  const window = Math.max(0, number - Math.ceil((mechanism_window - 1) / size));
  const random = randomBlocks(Math.ceil(kept / size), window, mechanism_random, number * 1024 + layer);
  return merged([
    [0, first],
    ...random.map((block): Range => [block * size, (block + 1) * size]),
    [window * size, (number + 1) * size],
  ]);
}

/** The blocks of row's `count` queries after `offset`, with ranges of the context. */
function blocksOf(layer: MechanismLayer, row: number, count: number, first: number): QueryBlock[] {
  const { sizes, read, offset } = layer;
  const { mechanism_block: size, mechanism_first: globals } = sizes;
  const shift = globals + sizes.xl_cache_length - read[row]; // from a position in the document to one in the context
  const kept = first - shift;
  const [begin, end] = [read[row] + offset, read[row] + offset + count];
  const numbers = Array.from(
    { length: Math.ceil(end / size) - Math.floor(begin / size) },
    (_, n) => Math.floor(begin / size) + n,
  );
  return numbers.map((number) => {
    const queries = [Math.max(begin, number * size) - begin, Math.min(end, (number + 1) * size) - begin] as const;
    const seen = visiblePositions(number, kept, layer.layer, sizes);
    const pinned = seen.map(([from, to]): Range => [from, Math.min(to, globals, kept)]);
    const present = seen.map(([from, to]): Range => [Math.max(from, kept) + shift, Math.min(to, end) + shift]);
    return { queries, ranges: [...pinned, ...present].filter(([from, to]) => to > from) };
  });
}

export const bigBird: AttentionMechanism = {
  about: "window, first tokens and random blocks (Big Bird)",
  settings: ["mechanism_window", "mechanism_block", "mechanism_first", "mechanism_random"],
  pinned: ({ mechanism_first }) => mechanism_first,
  attend: ({ q, k, v, scale, bias, context }, layer) => {
    const rows = Array.from(context.first, (first, row) => blocksOf(layer, row, q.shape[1], first));
    return rangedAttention(q, k, v, scale, bias, context, { rows, pinned: layer.sizes.mechanism_first });
  },
  // The document's first tokens move to the pinned places.
  afterSegment: ({ sizes, read, rows }, context) => {
    if (context === undefined) return;
    const { mechanism_first: first, segment_length: segment, num_attention_heads, head_dim } = sizes;
    const token = num_attention_heads * head_dim * 4;
    for (let row = 0; row < rows; row++) {
      const count = Math.min(first - read[row], segment);
      if (count <= 0) continue;
      const at = row * context.capacity * token;
      for (const { ptr } of [context.keys, context.values]) {
        kernels.move(ptr + at + read[row] * token, ptr + at + (context.past - segment) * token, count * token);
      }
    }
  },
};
