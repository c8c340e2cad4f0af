/** Attention under a block mask, against plain loops; odd sizes everywhere. */
import * as assert from "uvu/assert";
import { attention, extendContext, FAR } from "../../src/autodiff/ops/attention.ts";
import { type BlockMask, type QueryBlock, rangedAttention } from "../../src/autodiff/ops/ranged.ts";
import { step } from "../../src/autodiff/tape.ts";
import { tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { threadCount } from "../../src/wasm/parallel.ts";
import { heap, kernels, scratch } from "../../src/wasm/runtime.ts";
import { assertClose, checkThreads } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { maskedAttention } from "../oracle/attention.ts";
import { refusal } from "../refusal.ts";
import { checkAttention, contextOf, emptyContext, pastOf } from "./contexts.ts";

const test = suite("ranged attention");

test("a small example, written out: two blocks of queries of 0 take the means of what they see", () => {
  const context = emptyContext(4);
  step(() => {
    const [q, k, v] = [0, 1, 2].map((n) => tensor(n === 2 ? [2, 4, 9, 1] : Array(4).fill(n), [1, 4, 1]));
    extendContext(context, k, v);
    const early: QueryBlock = { queries: [0, 2], ranges: [[0, 2]] };
    const late: QueryBlock = {
      queries: [2, 4],
      ranges: [
        [0, 1],
        [2, 4],
      ],
    };
    const { out } = rangedAttention(q, k, v, tensor([0]), undefined, context, { rows: [[early, late]] });
    assertClose(out.toArray(), [2, 3, 11 / 2, 4], 1e-6, "out");
  });
});

/** Blocks of `size` queries that see themselves, and every second of some ranges before them; rows differ. */
function randomMask(rows: number, segment: number, past: number, size: number, pinned: number): BlockMask {
  const random = new Random(23);
  const blocks = (row: number) => {
    const first = 1 + (row % size);
    const starts = [0, ...Array.from({ length: segment }, (_, n) => first + n * size)].filter((at) => at < segment);
    return starts.map((from, n): QueryBlock => {
      const to = starts[n + 1] ?? segment;
      const ranges: [number, number][] = [];
      for (let at = 0; at < past + from; ) {
        const end = Math.min(at < pinned ? pinned : past + from, at + 1 + (random.uint32() % 5));
        if (random.next() < 0.5) ranges.push([at, end]);
        at = end + (random.uint32() % 3);
      }
      const own = [past + from, past + to] as const;
      return { queries: [from, to], ranges: row === 1 && n === 0 ? [own] : [...ranges, own] };
    });
  };
  return { rows: Array.from({ length: rows }, (_, row) => blocks(row)), pinned };
}

// rows, heads, width, segment, past, queries of a block, pinned
const cases: [number, number, number, number, number, number, number][] = [
  [1, 1, 1, 1, 0, 1, 0],
  [1, 2, 4, 1, 5, 3, 2],
  [2, 3, 5, 7, 4, 3, 0],
  [3, 1, 17, 9, 150, 4, 3],
  [1, 2, 3, 21, 13, 8, 5],
  [2, 1, 8, 16, 0, 8, 0],
  [1, 1, 1, 70, 6, 67, 1],
];
for (const [rows, heads, width, segment, past, size, pinned] of cases) {
  const title = `${rows} rows, ${heads} heads of ${width}, ${segment} tokens after ${past}, blocks of ${size}, ${pinned} pinned`;
  test(`output, logsumexp and gradients match the definition: ${title}`, () => {
    const given = pastOf(rows, heads, width, segment, past);
    const mask = randomMask(rows, segment, past, size, pinned);
    const seen = mask.rows.map((blocks) =>
      Array.from({ length: segment }, (_, i) => {
        const { ranges } = blocks.find(({ queries: [from, to] }) => i >= from && i < to) as QueryBlock;
        const positions = ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, n) => from + n));
        const earlier = positions.filter((position) => position <= past + i);
        return earlier.map((position) => ({ position, distance: position < pinned ? FAR : past + i - position }));
      }),
    );
    const visible = (row: number, _: number, i: number) => seen[row][i];
    const bytes = kernels.ranged_scratch_bytes(past + segment, width) * threadCount();
    heap.f32(scratch(bytes), bytes / 4).fill(Number.NaN);
    for (const [part, withBias] of [
      ["out", true],
      ["lse", false],
    ] as const) {
      checkAttention(
        given,
        part,
        withBias,
        (...inputs) => rangedAttention(...inputs, mask),
        (...inputs) => maskedAttention(given, visible, ...inputs),
      );
    }
  });
}

test("a mask that hides nothing is causal attention", () => {
  const context = { ...contextOf(pastOf(2, 2, 6, 40, 9)), first: new Int32Array(2) };
  const random = new Random(3);
  const [q, k, v] = [0, 1, 2].map(() => Float32Array.from({ length: 2 * 40 * 12 }, () => random.normal()));
  step(() => {
    const [Q, K, V] = [q, k, v].map((values) => tensor(values, [2, 40, 12]));
    extendContext(context, K, V);
    const all: QueryBlock = { queries: [0, 40], ranges: [[0, 49]] };
    const masked = rangedAttention(Q, K, V, tensor([1, 2]), undefined, context, { rows: [[all], [all]] });
    const plain = attention(Q, K, V, tensor([1, 2]), undefined, context);
    assertClose(masked.out.toArray(), plain.out.toArray(), 1e-5, "out");
    assertClose(masked.lse.toArray(), plain.lse.toArray(), 1e-5, "lse");
  });
});

test("one thread and two give the same bits, forward and backward", async () => {
  await checkThreads({
    shapes: [[2, 33, 15], [2, 33, 15], [2, 33, 15], [3]],
    op: (q, k, v, scale) => {
      const context = contextOf(pastOf(2, 3, 5, 33, 20));
      extendContext(context, k, v);
      return rangedAttention(q, k, v, scale, undefined, context, randomMask(2, 33, 20, 8, 3)).out;
    },
  });
});

test("a mask that leaves out a query, or names a position twice, is refused", () => {
  const context = contextOf(pastOf(1, 1, 1, 3, 2));
  const refused = (blocks: QueryBlock[]) =>
    step(() => {
      const x = tensor([1, 2, 3], [1, 3, 1]);
      return refusal(() => void rangedAttention(x, x, x, tensor([1]), undefined, context, { rows: [blocks] }));
    });
  const sentence =
    /the mask must cut the 3 queries of each of 1 rows into blocks, with ascending ranges of 5 positions/;
  assert.match(refused([{ queries: [0, 2], ranges: [[0, 4]] }]), sentence);
  assert.match(refused([{ queries: [1, 3], ranges: [[0, 4]] }]), sentence);
  assert.match(
    refused([
      {
        queries: [0, 3],
        ranges: [
          [0, 4],
          [3, 5],
        ],
      },
    ]),
    sentence,
  );
  assert.match(refused([{ queries: [0, 3], ranges: [[0, 6]] }]), sentence);
});
