/** Attention to lists of positions, and the makers of lists, against plain loops; odd sizes everywhere. */
import * as assert from "uvu/assert";
import { extendContext, positionBuckets } from "../../src/autodiff/ops/attention.ts";
import { listedAttention } from "../../src/autodiff/ops/listed.ts";
import { bucketLists, centroidLoss, nearestDirections, stridedLists } from "../../src/autodiff/ops/lists.ts";
import { step } from "../../src/autodiff/tape.ts";
import { stepIntegers, type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { assertClose, checkOp, checkThreads } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { maskedAttention } from "../oracle/attention.ts";
import { checkAttention, contextOf, emptyContext, pastOf } from "./contexts.ts";

const test = suite("listed attention");

test("a small example, written out: a query of 0 takes the mean of the values in its list", () => {
  const context = emptyContext(3);
  step(() => {
    const [q, k, v] = [tensor([0, 0, 0], [1, 3, 1]), tensor([1, -1, 1], [1, 3, 1]), tensor([2, 4, 9], [1, 3, 1])];
    extendContext(context, k, v);
    const positions = stepIntegers([0, -1, 0, 1, -1, -1]);
    const lists = { positions, most: 2, perHead: false };
    const { out, lse } = listedAttention(q, k, v, tensor([1]), undefined, context, lists);
    assertClose(out.toArray(), [2, 3, 0], 1e-6, "out");
    assertClose(lse.toArray().subarray(0, 2), [0, Math.log(2)], 1e-6, "lse");
  });
});

// rows, heads, width, segment, past, K
const cases: [number, number, number, number, number, number][] = [
  [1, 1, 1, 1, 0, 1],
  [1, 2, 4, 1, 5, 3],
  [2, 3, 5, 7, 4, 6],
  [3, 1, 17, 9, 150, 5],
  [1, 2, 3, 13, 0, 20],
];

/** Random lists of positions up to each query's own, of different lengths; `listHeads` lists per query. */
function randomLists(rows: number, listHeads: number, segment: number, past: number, most: number): number[][] {
  const random = new Random(17);
  return Array.from({ length: rows * segment * listHeads }, (_, n) => {
    const own = past + (Math.floor(n / listHeads) % segment);
    const count = (n % 3 === 0 ? most : random.uint32() % (most + 1)) % (own + 2);
    const left = Array.from({ length: own + 1 }, (_, j) => j);
    return Array.from({ length: Math.min(count, left.length) }, () => left.splice(random.uint32() % left.length, 1)[0]);
  });
}

for (const [rows, heads, width, segment, past, most] of cases) {
  for (const perHead of [false, true]) {
    const title = `${rows} rows, ${heads} heads of ${width}, ${segment} tokens after ${past}, ${most} in a list`;
    test(`output, logsumexp and gradients match the definition: ${title}, lists ${perHead ? "per head" : "shared"}`, () => {
      const given = pastOf(rows, heads, width, segment, past);
      const listHeads = perHead ? heads : 1;
      const chosen = randomLists(rows, listHeads, segment, past, most);
      const numbers = chosen.flatMap((list) => [...list, ...Array<number>(most - list.length).fill(-1)]);
      const seen = chosen.map((list, n) => {
        const query = past + (Math.floor(n / listHeads) % segment);
        return list.map((position) => ({ position, distance: query - position }));
      });
      const visible = (row: number, head: number, i: number) =>
        seen[(row * segment + i) * listHeads + (perHead ? head : 0)];
      const empty = chosen.some((list) => list.length === 0);
      for (const [part, withBias] of [
        ["out", true],
        [empty ? "out" : "lse", false],
      ] as const) {
        checkAttention(
          given,
          part,
          withBias,
          (...inputs) => listedAttention(...inputs, { positions: stepIntegers(numbers), most, perHead }),
          (...inputs) => maskedAttention(given, visible, ...inputs),
        );
      }
    });
  }
}

test("positions that are pinned have the bias of the greatest distance, wherever they stand", () => {
  const [rows, heads, width, segment, past, most, pinned] = [2, 2, 5, 7, 9, 6, 4];
  const given = pastOf(rows, heads, width, segment, past);
  const chosen = randomLists(rows, 1, segment, past, most);
  assert.ok(chosen.some((list) => list.some((position) => position < pinned)));
  const numbers = chosen.flatMap((list) => [...list, ...Array<number>(most - list.length).fill(-1)]);
  const visible = (row: number, _head: number, i: number) =>
    chosen[row * segment + i].map((position) => {
      return { position, distance: position < pinned ? 10_000 : past + i - position };
    });
  const lists = () => ({ positions: stepIntegers(numbers), most, perHead: false, pinned });
  checkAttention(
    given,
    "out",
    true,
    (...inputs) => listedAttention(...inputs, lists()),
    (...inputs) => maskedAttention(given, visible, ...inputs),
  );
});

test("queries in the middle of a segment give gradients to all pairs of it, those of later tokens 0", () => {
  const [rows, heads, width, segment, past] = [2, 2, 3, 5, 4];
  const given = pastOf(rows, heads, width, segment, past);
  const context = contextOf(given);
  const [seen, empty] = [[6, 4, 2, 0], -1]; // of a query at position 7: its third key is of the past
  const pairs = [rows, segment, heads * width];
  const whole = (q: Float64Array) => {
    // The oracle has a query for every token; only that of token 3 counts.
    const all = new Float64Array(rows * segment * heads * width);
    for (let row = 0; row < rows; row++) {
      const own = q.subarray(row * heads * width, (row + 1) * heads * width);
      all.set(own, (row * segment + 3) * heads * width);
    }
    return all;
  };
  checkOp({
    shapes: [[rows, 1, heads * width], pairs, pairs, [heads], [heads, 32]],
    op: (q: Tensor, k: Tensor, v: Tensor, scale: Tensor, table: Tensor) => {
      extendContext(context, k, v);
      const positions = stepIntegers(Array.from({ length: rows }, () => [...seen, empty]).flat());
      const lists = { positions, most: 5, perHead: false };
      const bias = { table, buckets: positionBuckets(context.capacity) };
      return listedAttention(q, k, v, scale, bias, { ...context, past: past + 3 }, lists, past).out;
    },
    oracle: (q, k, v, scale, table) => {
      const visible = () => seen.map((position) => ({ position, distance: past + 3 - position }));
      const { out } = maskedAttention(given, visible, whole(q), k, v, scale, table);
      return Float64Array.from(
        Array.from({ length: rows }, (_, row) => [
          ...out.subarray((row * segment + 3) * heads * width, (row * segment + 4) * heads * width),
        ]).flat(),
      );
    },
    tolerance: 5e-5,
  });
});

test("a stride of 3 lists every third position down to the row's first", () => {
  const context = contextOf({ ...pastOf(2, 1, 1, 2, 7), first: [0, 3] });
  step(() => {
    const { positions } = stridedLists(context, 2, { stride: 3, most: 3 });
    const rows = [7, 4, 1, 8, 5, 2, 7, 4, -1, 8, 5, -1];
    assert.equal([...heap.i32(positions, 12)], rows);
  });
});

test("only the last token of each block of 4 lists its block", () => {
  const context = contextOf({ ...pastOf(2, 1, 1, 3, 5), first: [0, 4] });
  step(() => {
    const strides = { stride: 1, most: 4, every: 4, read: Int32Array.of(6, 1) };
    const { positions } = stridedLists(context, 3, strides);
    const found = [...heap.i32(positions, 24)].map((position, n, all) => {
      return all.slice(n - (n % 4), n).includes(-1) ? -1 : position;
    });
    assert.equal(found, [-1, -1, -1, -1, 6, 5, 4, 3, -1, -1, -1, -1, ...[-1, -1, -1, -1, -1, -1, -1, -1, 7, 6, 5, 4]]);
  });
});

for (const own of [false, true]) {
  test(`the lists of buckets are those of plain loops, ${own ? "with" : "without"} the query's own position`, () => {
    const [rows, heads, segment, past, most, count] = [2, 3, 6, 9, 4, 3];
    const context = contextOf(pastOf(rows, heads, 1, segment, past));
    const random = new Random(4);
    const draw = (length: number) => Float32Array.from({ length }, () => random.uint32() % count);
    const { capacity, first } = context;
    const [queries, keys] = [draw(rows * segment * heads), draw(rows * capacity * heads)];
    const expected: number[] = [];
    for (let b = 0; b < rows; b++) {
      for (let i = 0; i < segment; i++) {
        for (let h = 0; h < heads; h++) {
          const wanted = queries[(b * segment + i) * heads + h];
          const found: number[] = [];
          for (let j = past + i - (own ? 0 : 1); j >= first[b] && found.length < most; j--) {
            if (keys[(b * capacity + j) * heads + h] === wanted) found.push(j);
          }
          if (own && found.length === 0) found.push(past + i);
          expected.push(...found, ...Array<number>(most - found.length).fill(-1));
        }
      }
    }
    step(() => {
      const buckets = { queries: tensor(queries, [rows, segment, heads]), keys: tensor(keys), count };
      const { positions } = bucketLists(context, buckets, most, own);
      const found = [...heap.i32(positions, expected.length)];
      // Only what stands before the first −1 counts.
      const ended = found.map((position, n) => (found.slice(n - (n % most), n).includes(-1) ? -1 : position));
      assert.equal(ended, expected);
    });
  });
}

for (const signed of [false, true]) {
  for (const perHead of [false, true]) {
    test(`the nearest direction is the plain argmax (${signed ? "signed" : "unsigned"}, ${perHead ? "per head" : "shared"})`, () => {
      const [rows, segment, heads, width, count] = [2, 5, 3, 7, 4];
      const random = new Random(2);
      const draw = (length: number) => Float32Array.from({ length }, () => random.normal());
      const [x, vectors] = [draw(rows * segment * heads * width), draw((perHead ? heads : 1) * count * width)];
      step(() => {
        const shape = perHead ? [heads, count, width] : [count, width];
        const directions = { vectors: tensor(vectors, shape), count, signed };
        const { chosen, score } = nearestDirections(tensor(x, [rows, segment, heads * width]), heads, directions);
        const expected = Array.from({ length: rows * segment * heads }, (_, n) => {
          const at = (perHead ? (n % heads) * count : 0) * width;
          const products = Array.from({ length: count }, (_, c) => {
            let sum = 0;
            for (let d = 0; d < width; d++) sum += x[n * width + d] * vectors[at + c * width + d];
            return sum;
          });
          const all = signed ? [...products, ...products.map((product) => -product)] : products;
          return [all.indexOf(Math.max(...all)), Math.max(...all)];
        });
        assert.equal(
          [...chosen.toArray()],
          expected.map(([best]) => best),
        );
        assertClose(
          score.toArray(),
          expected.map(([, product]) => product),
          1e-5,
          "score",
        );
      });
    });
  }
}

test("the centroid loss and its gradient match the definition", () => {
  const [heads, count, width] = [2, 3, 5];
  const random = new Random(6);
  const x = Float32Array.from({ length: 2 * 4 * heads * width }, () => random.normal());
  const nearest = (centroids: ArrayLike<number>, n: number) => {
    const products = Array.from({ length: count }, (_, c) => {
      let sum = 0;
      for (let d = 0; d < width; d++) sum += x[n * width + d] * centroids[((n % heads) * count + c) * width + d];
      return sum;
    });
    return Math.max(...products);
  };
  checkOp({
    shapes: [[heads, count, width]],
    op: (centroids) => {
      const tokens = tensor(x, [2, 4, heads * width]);
      const found = nearestDirections(tokens, heads, { vectors: centroids, count, signed: false });
      return centroidLoss(tokens, centroids, found);
    },
    oracle: (centroids) => {
      const n = x.length / width;
      const total = Array.from({ length: n }, (_, at) => nearest(centroids, at)).reduce((sum, score) => sum + score, 0);
      return Float64Array.of(1 - total / n);
    },
  });
});

test("one thread and two give the same bits, forward and backward", async () => {
  await checkThreads({
    shapes: [[2, 33, 15], [2, 33, 15], [2, 33, 15], [3]],
    op: (q, k, v, scale) => {
      const context = contextOf(pastOf(2, 3, 5, 33, 20));
      extendContext(context, k, v);
      const lists = stridedLists(context, 33, { stride: 2, most: 11 });
      return listedAttention(q, k, v, scale, undefined, context, lists).out;
    },
  });
});
