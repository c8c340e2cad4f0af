/** Blocks of tokens pooled into cells, against plain loops. */
import * as assert from "uvu/assert";
import { meanWeights, type PooledTokens, poolBlocks } from "../../src/autodiff/ops/pool-blocks.ts";
import { step } from "../../src/autodiff/tape.ts";
import { persistentTensor, type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { checkOp, checkThreads } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("pooled blocks");

/** A segment alone in its context. */
function alone(segment: Tensor): PooledTokens {
  return { context: segment, segment, past: 0 };
}

test("a small example, written out: means over two tokens", () => {
  step(() => {
    const x = tensor([1, 10, 3, 30, 5, 50, 7, 70, 9, 90], [1, 5, 2]);
    const cells = poolBlocks(alone(x), meanWeights(2), { first: 0, blocks: 2 });
    assert.equal([...cells.toArray()], [2, 20, 6, 60]);
    assert.equal(cells.shape, [1, 2, 2]);
  });
});

interface Case {
  readonly rows: number;
  readonly past: number;
  readonly segment: number;
  readonly channels: number;
  readonly cells: number;
  readonly block: number;
  readonly first: number;
  readonly blocks: number;
}

const cases: Case[] = [
  { rows: 1, past: 0, segment: 1, channels: 1, cells: 1, block: 1, first: 0, blocks: 1 },
  { rows: 2, past: 0, segment: 6, channels: 5, cells: 1, block: 3, first: 0, blocks: 2 },
  { rows: 2, past: 3, segment: 7, channels: 4, cells: 3, block: 4, first: 2, blocks: 2 },
  { rows: 3, past: 5, segment: 2, channels: 9, cells: 2, block: 7, first: 0, blocks: 1 },
  { rows: 1, past: 2, segment: 3, channels: 3, cells: 2, block: 5, first: 0, blocks: 0 },
  // Sums are made four at a time, of sixteen tokens, eight channels wide; one alone is sixteen wide.
  { rows: 1, past: 0, segment: 17, channels: 8, cells: 4, block: 17, first: 0, blocks: 1 },
  { rows: 2, past: 1, segment: 15, channels: 15, cells: 5, block: 16, first: 0, blocks: 1 },
  { rows: 1, past: 4, segment: 31, channels: 9, cells: 9, block: 7, first: 0, blocks: 5 },
  { rows: 1, past: 0, segment: 6, channels: 23, cells: 17, block: 3, first: 0, blocks: 2 },
  { rows: 1, past: 20, segment: 15, channels: 33, cells: 1, block: 33, first: 1, blocks: 1 },
];

for (const given of cases) {
  const { rows, past, segment, channels, cells, block, first, blocks } = given;
  test(`cells and gradients match the sums: ${JSON.stringify(given)}`, () => {
    const capacity = past + segment + 2;
    const random = new Random(7);
    const context = persistentTensor([rows, capacity, channels]);
    context.set(Float32Array.from({ length: context.size }, () => random.normal()));
    const before = context.toArray();
    checkOp({
      shapes: [
        [rows, segment, channels],
        [cells, block],
      ],
      op: (x, weights) => {
        const all = context.toArray();
        const tokens = x.toArray();
        for (let row = 0; row < rows; row++) {
          const own = tokens.subarray(row * segment * channels, (row + 1) * segment * channels);
          all.set(own, (row * capacity + past) * channels);
        }
        context.set(all);
        return poolBlocks({ context, segment: x, past }, weights, { first, blocks });
      },
      oracle: (x, weights) =>
        Float64Array.from({ length: rows * blocks * cells * channels }, (_, i) => {
          const [cell, channel] = [Math.floor(i / channels), i % channels];
          const [row, index] = [Math.floor(cell / (blocks * cells)), cell % (blocks * cells)];
          let sum = 0;
          for (let j = 0; j < block; j++) {
            const position = first + Math.floor(index / cells) * block + j;
            const value =
              position < past
                ? before[(row * capacity + position) * channels + channel]
                : x[(row * segment + position - past) * channels + channel];
            sum += weights[(index % cells) * block + j] * value;
          }
          return sum;
        }),
    });
  });
}

test("each sum runs over its tokens in order, as a plain loop in float32 does", () => {
  const [channels, block, cells] = [29, 37, 6];
  const random = new Random(3);
  const normals = (count: number) => Float32Array.from({ length: count }, () => Math.fround(random.next() - 0.5));
  const [x, weights] = [normals(block * channels), normals(cells * block)];
  // Products of 12 bits each are exact, so that multiplying and adding in one step or in two gives the same bits.
  for (const numbers of [x, weights]) for (const i of numbers.keys()) numbers[i] = Math.round(numbers[i] * 2048) / 2048;
  const expected = Float32Array.from({ length: cells * channels }, (_, i) => {
    const [cell, channel] = [Math.floor(i / channels), i % channels];
    let sum = 0;
    for (let j = 0; j < block; j++) sum = Math.fround(sum + weights[cell * block + j] * x[j * channels + channel]);
    return sum;
  });
  step(() => {
    const y = poolBlocks(alone(tensor(x, [1, block, channels])), tensor(weights, [cells, block]), {
      first: 0,
      blocks: 1,
    });
    assert.equal(y.toArray(), expected);
  });
});

test("one thread and two give the same bits", async () => {
  await checkThreads({
    shapes: [
      [3, 12, 7],
      [2, 3],
    ],
    op: (x, weights) => poolBlocks(alone(x), weights, { first: 0, blocks: 4 }),
  });
});

test("blocks beyond the segment are refused", () => {
  step(() => {
    const x = tensor([1, 2, 3, 4, 5], [1, 5, 1]);
    const refused = /poolBlocks: 3 blocks of 2 from position 0 on do not fit a context \[1,5,1\]/;
    assert.throws(() => poolBlocks(alone(x), meanWeights(2), { first: 0, blocks: 3 }), refused);
  });
});
