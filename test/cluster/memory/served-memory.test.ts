/** A memory in shards against one memory with all pairs: the same pairs, scores to the bit, attention within rounding. */
import * as assert from "uvu/assert";
import { retrievedAttention } from "../../../src/autodiff/ops/retrieved.ts";
import { noGrad, step } from "../../../src/autodiff/tape.ts";
import { parameter, tensor } from "../../../src/autodiff/tensor.ts";
import { Random } from "../../../src/base/random.ts";
import { KvMemory } from "../../../src/memory/memory.ts";
import type { MemoryContents } from "../../../src/memory/options.ts";
import type { MemorySnapshot } from "../../../src/memory/snapshot.ts";
import { asHalves } from "../../../src/wasm/half.ts";
import { heap } from "../../../src/wasm/runtime.ts";
import { suite } from "../../harness.ts";
import { normals, remember, unitVectors } from "../../memories.ts";
import { refusal } from "../../refusal.ts";
import { Fleet, snapshotOf } from "./fleet.ts";
import { byPair, fiveShards, lookUp, memoryOf, near, same } from "./lookups.ts";

const test = suite("a memory in shards");

test("three keys in two shards, by head", () => {
  const keys = Float32Array.of(1, 0, 0, 1, 0.6, 0.8); // e₁, e₂, and one between
  const values = Float32Array.of(4, 0, 9, 9, 0, 8);
  const fleet = new Fleet(snapshotOf(1, 2, [{ keys, values }]), 2).append(snapshotOf(1, 2, [{ keys, values }]), 2);
  assert.equal(
    fleet.manifest().segments.map(({ first, pairs }) => [first, pairs]),
    [
      [0, 2],
      [2, 1],
    ],
  );
  const own = memoryOf(1, 2, 5);
  const scale = Math.log(3) / 0.4; // e₁ scores 1, the one between 0.6: weights 3 to 1
  const { pairs, scores, out } = lookUp(own, fleet.reader(), Float32Array.of(1, 0), 2, [scale]);
  assert.equal(
    [pairs, scores],
    [
      [0, 2],
      [1, Math.fround(0.6)],
    ],
  );
  near(out, [3, 2], "3/4 · (4, 0) + 1/4 · (0, 8)");
  remember(own, 0, [0.8, 0.6], [0, 0]);
  assert.equal(lookUp(own, fleet.reader(), Float32Array.of(1, 0), 2, [scale]).pairs, [0, 3], "its own come after them");
  assert.is(fleet.reader().besides(own, 0).length(0), 4, "all of them are looked up");
  fleet.release();
  own.release();
});

interface Case {
  readonly pairs: number;
  readonly segment: number;
  readonly shards: number;
  readonly own: number;
  readonly topk: number;
  readonly queries: number;
  readonly dtype?: "float32" | "float16";
  readonly copies?: number;
}

const cases: readonly Case[] = [
  { pairs: 1, segment: 1, shards: 1, own: 0, topk: 1, queries: 1 },
  { pairs: 1, segment: 4, shards: 1, own: 1, topk: 3, queries: 1 },
  { pairs: 5, segment: 1, shards: 5, own: 0, topk: 2, queries: 3 },
  { pairs: 7, segment: 3, shards: 2, own: 2, topk: 20, queries: 2 },
  { pairs: 67, segment: 16, shards: 4, own: 9, topk: 6, queries: 5 },
  { pairs: 67, segment: 16, shards: 3, own: 9, topk: 6, queries: 5, copies: 2 },
  { pairs: 300, segment: 64, shards: 4, own: 30, topk: 32, queries: 33, dtype: "float16" },
];

for (const { pairs, segment, shards, own, topk, queries, dtype = "float32", copies } of cases) {
  const title = `${pairs} pairs in segments of ${segment} in ${shards} shards, ${own} of one's own, ${topk} for each of ${queries} queries, ${dtype}`;
  test(`${title}${copies ? ", each segment twice" : ""}: as one memory`, () => {
    const random = new Random(pairs + topk);
    const [heads, width] = [2, 5];
    const keys = unitVectors(heads * pairs, width, random);
    keys.copyWithin((pairs - 1) * width, 0, width); // the newest key of the first head is its oldest: equal scores
    const values = normals(heads * pairs * width, random);
    const stored: MemoryContents =
      dtype === "float16" ? { keys: asHalves(keys), values: asHalves(values) } : { keys, values };
    const snapshot = snapshotOf(heads, width, [stored]);
    const fleet = new Fleet(snapshot, shards).append(snapshot, segment, copies);
    const [alone, besides] = [memoryOf(heads, width, pairs + own + 1, dtype), memoryOf(heads, width, own + 1, dtype)];
    alone.restore(0, pairs, stored);
    const [ownKeys, ownValues] = [unitVectors(heads * own, width, random), normals(heads * own * width, random)];
    for (const memory of [alone, besides])
      remember(memory, 0, byPair(ownKeys, heads, width), byPair(ownValues, heads, width));
    const asked = unitVectors(heads * queries, width, random);
    asked.set(keys.subarray(0, width)); // the first query is the doubled key
    const scales = [6.5, -0.75];
    for (const fade of [0, 0.7]) {
      const wanted = lookUp(alone, undefined, asked, topk, scales, fade);
      for (const carried of [0, 2 ** 20]) {
        fleet.asked = 0;
        const found = lookUp(besides, fleet.reader({ carried }), asked, topk, scales, fade);
        same(found, wanted, `${title}, ${carried} bytes of values, fading by ${fade}`);
        const isTheirs = carried > 0 && found.pairs.every((pair) => pair < pairs);
        if (isTheirs && fade === 0) assert.equal(found.out, wanted.out, "to the bit");
        assert.is(fleet.asked, carried > 0 ? 1 : 2, "rounds of questions");
      }
    }
    for (const part of [fleet, alone, besides]) part.release();
  });
}

test("an own memory that turns round keeps its numbering", () => {
  const random = new Random(3);
  const [heads, width] = [1, 4];
  const stored = { keys: unitVectors(6, width, random), values: normals(6 * width, random) };
  const fleet = new Fleet(snapshotOf(heads, width, [stored]), 2).append(snapshotOf(heads, width, [stored]), 4);
  const own = memoryOf(heads, width, 5);
  const [keys, values] = [unitVectors(23, width, random), normals(23 * width, random)];
  for (let at = 0; at < 23; at++) {
    const part = (numbers: Float32Array) => numbers.subarray(at * width, (at + 1) * width);
    remember(own, 0, part(keys), part(values));
  }
  const all = memoryOf(heads, width, 11);
  all.restore(0, 11, {
    keys: Float32Array.of(...stored.keys, ...keys.subarray(18 * width)),
    values: Float32Array.of(...stored.values, ...values.subarray(18 * width)),
  });
  const asked = unitVectors(7, width, random);
  const [found, wanted] = [lookUp(own, fleet.reader(), asked, 9, [3]), lookUp(all, undefined, asked, 9, [3])];
  assert.equal(
    found.pairs.map((pair) => (pair < 6 ? pair : pair - 18)),
    wanted.pairs,
  );
  same({ ...found, pairs: wanted.pairs }, wanted, "turned round");
  for (const part of [fleet, own, all]) part.release();
});

test("more queries than a message holds are asked in several", () => {
  const random = new Random(6);
  const stored = { keys: unitVectors(9, 4, random), values: normals(36, random) };
  const snapshot = snapshotOf(1, 4, [stored]);
  const fleet = new Fleet(snapshot, 2).append(snapshot, 5);
  const [own, alone] = [memoryOf(1, 4, 3), memoryOf(1, 4, 9)];
  alone.restore(0, 9, stored);
  const reader = fleet.reader({ carried: 0 });
  const most = reader.queriesAtOnce(9);
  const asked = unitVectors(most + 3, 4, random);
  same(lookUp(own, reader, asked, 9, [1]), lookUp(alone, undefined, asked, 9, [1]), "two messages");
  assert.is(fleet.asked, 4, "two blocks, two rounds");
  assert.match(
    refusal(() => reader.queriesAtOnce(60_000)),
    "60000 neighbours in each of 1 heads of width 4 do not fit",
  );
});

test("every row finds the pairs of others and its own", () => {
  const random = new Random(8);
  const stored = { keys: unitVectors(4, 3, random), values: normals(12, random) };
  const snapshot = snapshotOf(1, 3, [stored]);
  const fleet = new Fleet(snapshot, 2).append(snapshot, 2);
  const own = new KvMemory({ rows: 2, heads: 1, width: 3, size: 4, segment: 1 });
  remember(own, 1, unitVectors(1, 3, random));
  const queries = unitVectors(4, 3, random);
  const [counts, slots] = step(() =>
    noGrad(() => {
      const found = fleet
        .reader()
        .besides(own, 0)
        .lookup(tensor(queries, [2, 2, 3]), 9);
      return [[...found.counts], [...heap.i32(found.slots, 2 * 2 * 9)]];
    }),
  );
  assert.equal(counts, [4, 5]);
  const list = (n: number) => slots.slice(n * 9, n * 9 + counts[Math.floor(n / 2)]).sort((a, b) => a - b);
  assert.equal([0, 1, 2, 3].map(list), [
    [-4, -3, -2, -1],
    [-4, -3, -2, -1],
    [-4, -3, -2, -1, 0],
    [-4, -3, -2, -1, 0],
  ]);
  for (const part of [fleet, own]) part.release();
});

test("there is no gradient to pairs of others, and no reach in them", () => {
  const { fleet, own } = fiveShards();
  const scale = parameter([1], [1]);
  const attend = () => {
    const q = tensor([1, 0, 0], [1, 1, 3]);
    return retrievedAttention(q, scale, fleet.reader().besides(own, 0).lookup(q, 2));
  };
  assert.match(
    refusal(() => step(attend)),
    "pairs that others serve have no gradients",
  );
  assert.match(
    refusal(() =>
      step(() =>
        fleet
          .reader()
          .besides(own, 0)
          .lookup(tensor([1, 0, 0], [1, 1, 3]), 2, [1]),
      ),
    ),
    "reach:",
  );
});

test("sources come from the shards, document after document", () => {
  const column = (...numbers: number[]) => Int32Array.from(numbers);
  const columns = {
    document: column(0, 0, 1, 1, 1),
    index: column(0, 1, 0, 1, 2),
    token: column(9, 8, 7, 6, 5),
    begin: column(0, 1, 0, 1, 2),
    end: column(1, 2, 1, 2, 3),
  };
  const random = new Random(2);
  const contents = { keys: unitVectors(5, 3, random), values: normals(15, random) };
  const snapshot: MemorySnapshot = snapshotOf(1, 3, [contents], { documents: ["a", "b"], columns });
  const fleet = new Fleet(snapshot, 2).append(snapshot, 3);
  const { documents, columns: found } = fleet.reader().sources();
  assert.equal(documents, ["a", "b"], "a document that was cut is whole again");
  assert.equal({ ...found, document: [...found.document] }, { ...columns, document: [0, 0, 1, 1, 1] });
  const silent = new Fleet(snapshot, 1).append({ ...snapshot, sources: undefined }, 3);
  assert.match(
    refusal(() => silent.reader().sources()),
    "a.safetensors does not say where its pairs come from",
  );
});

test("the tokens of all pairs come in their order; those of a missing shard are unknown, or an error", () => {
  const count = 7;
  const column = (of: (n: number) => number) => Int32Array.from({ length: count }, (_, n) => of(n));
  const token = column((n) => 10 + n);
  const columns = {
    token,
    document: column(() => 0),
    index: column((n) => n),
    begin: column((n) => n),
    end: column((n) => n + 1),
  };
  const stored = { keys: unitVectors(count, 3, new Random(4)), values: normals(3 * count, new Random(5)) };
  const snapshot = snapshotOf(1, 3, [stored], { documents: ["a"], columns });
  const fleet = new Fleet(snapshot, 4).append(snapshot, 2);
  assert.equal([...fleet.reader().tokens()], [...token]);
  fleet.shards.splice(1, 1);
  assert.equal([...fleet.reader({ bestEffort: true }).tokens()], [10, 11, -1, -1, 14, 15, 16]);
  assert.match(
    refusal(() => fleet.reader().tokens()),
    "serves segment 1 of the memory, pairs 2 to 3",
  );
  fleet.release();
});
