/** What the queries of the sparse mechanisms see, against plain loops. */
import * as assert from "uvu/assert";
import { extendContext } from "../../src/autodiff/ops/attention.ts";
import { step } from "../../src/autodiff/tape.ts";
import { persistentTensor, type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { visiblePositions } from "../../src/mechanisms/big-bird.ts";
import { etc } from "../../src/mechanisms/etc.ts";
import type { AttentionMechanism, MechanismSizes, ReadingLayer } from "../../src/mechanisms/mechanism.ts";
import { reformer } from "../../src/mechanisms/reformer.ts";
import { routing } from "../../src/mechanisms/routing.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { contextOf, pastOf } from "../autodiff/contexts.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { type LocalCase, maskedAttention } from "../oracle/attention.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("sparse mechanisms");

const sizesOf = (settings: Partial<ModelConfig>) => tinyConfig(settings) as ModelConfig & MechanismSizes;

const bigBirdSizes = (random: number) =>
  sizesOf({
    ...{ mechanism: "big-bird", mechanism_block: 4, mechanism_window: 6, mechanism_first: 3 },
    mechanism_random: random,
  });

test("Big Bird, written out: block 10 of 4 tokens sees two blocks before it, the first 3 tokens, and random blocks", () => {
  assert.equal(visiblePositions(10, 0, 0, bigBirdSizes(0)), [
    [0, 3],
    [32, 44],
  ]);
  assert.equal(visiblePositions(0, 0, 0, bigBirdSizes(2)), [[0, 4]], "the first block sees only itself");
  const drawn = visiblePositions(10, 9, 1, bigBirdSizes(2)).slice(1, -1).flat();
  assert.ok(
    drawn.length > 0 && drawn.every((position) => position % 4 === 0 && position >= 12 && position <= 32),
    `${drawn}`,
  );
  assert.equal(visiblePositions(10, 9, 1, bigBirdSizes(2)), visiblePositions(10, 9, 1, bigBirdSizes(2)));
  assert.equal(visiblePositions(10, 0, 0, bigBirdSizes(99)), [[0, 44]], "all blocks, if it may draw so many");
});

test("with more random blocks there is more to see, and other blocks see others", () => {
  const seen = (block: number, count: number) => JSON.stringify(visiblePositions(block, 0, 0, bigBirdSizes(count)));
  assert.is(new Set([20, 21, 22, 23].map((block) => seen(block, 3).slice(0, 12))).size > 1, true);
  assert.is.not(seen(20, 1), seen(20, 3));
});

/** Runs a mechanism on q, k, v after a past of 6 tokens, whose carried numbers `fill` provides. Returns out [B, T, H·D]. */
function attend(
  mechanism: AttentionMechanism,
  settings: Partial<ModelConfig>,
  { given, q, k, v }: { given: LocalCase; q: Float64Array; k: Float64Array; v: Float64Array },
  parameters: Readonly<Record<string, Tensor>>,
  carried: Readonly<Record<string, Tensor>>,
): Float32Array {
  const { rows, heads, width, segment, past } = given;
  const sizes = sizesOf({
    ...{ num_attention_heads: heads, head_dim: width, segment_length: segment + 3, xl_cache_length: past },
    ...settings,
  });
  const layer: ReadingLayer = {
    ...{ sizes, layer: 0, rows, offset: 0, read: new Int32Array(rows).fill(past) },
    carried: (name) => carried[name],
    parameter: (name) => parameters[name],
    drop: (x) => x,
    auxiliary: undefined,
    feedForward: (x) => x,
  };
  const context = { ...contextOf(given), preceding: undefined };
  return step(() => {
    const [Q, K, V] = [q, k, v].map((values) => tensor(values, [rows, segment, heads * width]));
    extendContext(context, K, V);
    const scale = tensor([2, -3].slice(0, heads));
    return mechanism.attend({ x: Q, q: Q, k: K, v: V, scale, bias: undefined, context }, layer).out.toArray();
  });
}

const [ROWS, HEADS, WIDTH, SEGMENT, PAST] = [2, 2, 5, 9, 6];
const given = { ...pastOf(ROWS, HEADS, WIDTH, SEGMENT, PAST), first: [0, 2] };
const random = new Random(31);
const draw = (length: number) => Float64Array.from({ length }, () => random.normal());
const [q, k, v] = [0, 1, 2].map(() => draw(ROWS * SEGMENT * HEADS * WIDTH));

/** Position j of a row's head: of the past or of the segment. */
function vectorAt(own: Float64Array, row: number, head: number, j: number): number[] {
  const [from, at] = j < PAST ? [given.pastKeys, row * PAST + j] : [own, row * SEGMENT + j - PAST];
  return [...from.subarray((at * HEADS + head) * WIDTH, (at * HEADS + head + 1) * WIDTH)];
}

/** Number of the direction with the largest product; with `signed`, of its negatives too. */
function nearest(
  x: readonly number[],
  directions: ArrayLike<number>,
  count: number,
  at: number,
  signed: boolean,
): number {
  const products = Array.from({ length: count }, (_, n) =>
    x.reduce((sum, value, d) => sum + value * directions[(at + n) * WIDTH + d], 0),
  );
  const all = signed ? [...products, ...products.map((product) => -product)] : products;
  return all.indexOf(Math.max(...all));
}

/** The buckets of a context's keys, [B, capacity, H]; those of the past are filled in. */
function bucketsOfPast(bucket: (x: number[], head: number) => number): Tensor {
  const capacity = PAST + SEGMENT + 3;
  const buckets = new Float32Array(ROWS * capacity * HEADS);
  for (let row = 0; row < ROWS; row++) {
    for (let j = 0; j < PAST; j++) {
      for (let head = 0; head < HEADS; head++) {
        buckets[(row * capacity + j) * HEADS + head] = bucket(vectorAt(k, row, head, j), head);
      }
    }
  }
  return persistentTensor([ROWS, capacity, HEADS]).set(buckets);
}

/** The last `most` positions from `newest` back to the row's first that pass. */
function lastOf(row: number, newest: number, most: number, passes: (j: number) => boolean): number[] {
  const positions = Array.from({ length: newest + 1 - given.first[row] }, (_, n) => newest - n);
  return positions.filter(passes).slice(0, most);
}

const scales = Float64Array.of(2, -3);
const noBias = new Float64Array(0);
const asVisible = (positions: number[]) => positions.map((position) => ({ position, distance: 0 }));

test("Reformer attends to the last tokens of the same bucket in each round, and to itself only if alone", () => {
  const [buckets, most] = [4, 3];
  const directions = [0, 1].map(() => draw((buckets / 2) * WIDTH));
  const hash = (round: number) => (x: number[]) => nearest(x, directions[round], buckets / 2, 0, true);
  const visible = (row: number, head: number, i: number) => {
    const own = PAST + i;
    const found = [0, 1].flatMap((round) => {
      const bucket = hash(round)(vectorAt(k, row, head, own));
      return lastOf(row, own - 1, most, (j) => hash(round)(vectorAt(k, row, head, j)) === bucket);
    });
    return asVisible(found.length > 0 ? found : [own]);
  };
  const settings = {
    mechanism: "reformer",
    mechanism_buckets: buckets,
    mechanism_rounds: 2,
    mechanism_window: most,
  } as const;
  const parameters = Object.fromEntries(
    directions.map((values, n) => [`directions.${n}`, persistentTensor([buckets / 2, WIDTH]).set(values)]),
  );
  const carried = { "buckets.0": bucketsOfPast(hash(0)), "buckets.1": bucketsOfPast(hash(1)) };
  const found = attend(reformer, settings, { given, q: k, k, v }, parameters, carried);
  assertClose(found, maskedAttention(given, visible, k, k, v, scales, noBias).out, 1e-5, "out");
});

test("a Reformer's first token finds nobody, and keeps its own value", () => {
  const alone = { ...pastOf(1, 1, WIDTH, 1, 0), first: [0] };
  const [key, value] = [draw(WIDTH), draw(WIDTH)];
  const settings = { mechanism: "reformer", mechanism_buckets: 2, mechanism_rounds: 2 } as const;
  const directions = () => persistentTensor([1, WIDTH]).set(draw(WIDTH));
  const parameters = { "directions.0": directions(), "directions.1": directions() };
  const room = () => persistentTensor([1, 4, 1]);
  const carried = { "buckets.0": room(), "buckets.1": room() };
  const found = attend(reformer, settings, { given: alone, q: key, k: key, v: value }, parameters, carried);
  assertClose(found, value, 1e-6, "out");
});

test("Routing attends to the last tokens whose keys belong to the query's centroid, each head with its own", () => {
  const [count, most] = [3, 4];
  const centroids = draw(HEADS * count * WIDTH);
  // The direction alone counts.
  const unit = Float64Array.from(centroids, (value, n) => {
    const at = n - (n % WIDTH);
    return value / Math.hypot(...centroids.subarray(at, at + WIDTH));
  });
  const cluster = (x: number[], head: number) => nearest(x, unit, count, head * count, false);
  const visible = (row: number, head: number, i: number) => {
    const own = PAST + i;
    const at = ((row * SEGMENT + i) * HEADS + head) * WIDTH;
    const wanted = cluster([...q.subarray(at, at + WIDTH)], head);
    const found = lastOf(row, own, most, (j) => cluster(vectorAt(k, row, head, j), head) === wanted);
    return asVisible(found.length > 0 ? found : [own]);
  };
  const settings = { mechanism: "routing", mechanism_buckets: count, mechanism_window: most } as const;
  const parameters = { centroids: persistentTensor([HEADS, count, WIDTH]).set(centroids) };
  const found = attend(routing, settings, { given, q, k, v }, parameters, { clusters: bucketsOfPast(cluster) });
  assertClose(found, maskedAttention(given, visible, q, k, v, scales, noBias).out, 1e-5, "out");
});

test("ETC, written out: with logits of 0 a query takes the mean of its window and of the means of finished blocks", () => {
  const sizes = sizesOf({
    ...{ mechanism: "etc", mechanism_block: 2, mechanism_window: 2, mechanism_kept: 2 },
    ...{ num_attention_heads: 1, head_dim: 1, segment_length: 4 },
  });
  const room = (positions: number) => persistentTensor([1, positions, 1]);
  const [keys, values] = [room(2 + 4), room(2 + 4)];
  values.set([0, 30, 0, 0, 0, 0]); // the global token of a block of the segment before
  const layer: ReadingLayer = {
    ...{ sizes, layer: 0, rows: 1, offset: 0, read: Int32Array.of(2) },
    carried: (name) => (name === "keys" ? keys : values),
    parameter: () => persistentTensor([1]).set([1]),
    drop: (x) => x,
    auxiliary: undefined,
    feedForward: (x) => x,
  };
  const past = room(1 + 4).set([0, 0, 0, 0, 0]);
  const context = {
    ...{ keys: past, values: room(1 + 4).set([8, 0, 0, 0, 0]), capacity: 5, past: 1, first: Int32Array.of(0) },
    ...{ window: Infinity, preceding: undefined },
  };
  step(() => {
    const [x, v] = [tensor([1, 1, 1, 1], [1, 4, 1]), tensor([2, 4, 6, 10], [1, 4, 1])];
    extendContext(context, x, v);
    const inputs = { x, q: x, k: x, v, scale: tensor([0]), bias: undefined, context };
    const out = etc.attend(inputs, layer).out.toArray();
    const [first, second] = [3, 8]; // means of the blocks that end with tokens 1 and 3
    const expected = [
      (8 + 2 + 30) / 3,
      (2 + 4 + 30 + first) / 4,
      (4 + 6 + 30 + first) / 4,
      (6 + 10 + 30 + first + second) / 5,
    ];
    assertClose(out, expected, 1e-5, "out");
    etc.afterSegment?.({ ...layer, offset: 4 }, context);
    assertClose(values.toArray().subarray(0, 2), [first, second], 1e-5, "the two newest global tokens stay");
  });
});
