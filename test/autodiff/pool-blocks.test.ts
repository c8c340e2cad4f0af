/** Blocks of tokens pooled into cells, against plain loops. */
import * as assert from "uvu/assert";
import { meanWeights, type PooledTokens, poolBlocks } from "../../src/autodiff/ops/pool-blocks.ts";
import { backward, step } from "../../src/autodiff/tape.ts";
import { parameter, persistentTensor, type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { useThreads } from "../../src/wasm/parallel.ts";
import { checkOp } from "../gradcheck.ts";
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

test("one thread and two give the same bits", async () => {
  const random = new Random(1);
  const normals = (shape: number[]) =>
    parameter(
      shape,
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()),
    );
  const inputs = [normals([3, 12, 7]), normals([2, 3])];
  const results: Float32Array[][] = [];
  for (const threads of [1, 2]) {
    await useThreads(threads);
    for (const { grad } of inputs) grad?.fill(0);
    const y = step(() => {
      const cells = poolBlocks(alone(inputs[0]), inputs[1], { first: 0, blocks: 4 });
      backward(cells, new Float32Array(cells.size).fill(0.5));
      return cells.toArray();
    });
    results.push([y, ...inputs.map(({ grad }) => grad?.toArray() ?? new Float32Array())]);
  }
  await useThreads(1);
  assert.equal(results[1], results[0]);
});

test("blocks beyond the segment are refused", () => {
  step(() => {
    const x = tensor([1, 2, 3, 4, 5], [1, 5, 1]);
    const refused = /poolBlocks: 3 blocks of 2 from position 0 on do not fit a context \[1,5,1\]/;
    assert.throws(() => poolBlocks(alone(x), meanWeights(2), { first: 0, blocks: 3 }), refused);
  });
});
