/** A memory without a model: lookups, files, refusals. */
import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { decodeMemory, encodeMemory } from "../../src/memory/memory-file.ts";
import { VectorStore } from "../../src/memory/vector-store.ts";
import { asFloats, asHalves } from "../../src/wasm/half.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { unitVectors } from "../memories.ts";
import { refusal } from "../refusal.ts";

const test = suite("vector store");

test("a small example, written out: of two keys, the query (0, 2) finds the second", () => {
  const store = new VectorStore({ width: 2, size: 5 });
  store.append([1, 0, 0.5, 0.5], [10, 11, 20, 21]);
  assert.equal(store.lookup([0, 2], 1), {
    k: 1,
    scores: Float32Array.of(1), // 0·0.5 + 2·0.5
    serials: Float64Array.of(1),
    values: Float32Array.of(20, 21),
  });
  store.release();
});

/** Returns vectors [count, D] of length 1. */
function directions(count: number, width: number, seed: number): Float32Array {
  return unitVectors(count, width, new Random(seed)).map((x) => x * (1 - 1e-6)); // at most 1 after rounding
}

for (const search of ["exact", "quantised"] as const) {
  for (const [heads, width, size, topk] of [
    [1, 1, 1, 1],
    [1, 7, 100, 5],
    [3, 16, 33, 40],
    [2, 5, 64, 9],
  ]) {
    test(`${search} lookups return the nearest ${topk} of ${size}, with their numbers and values: ${heads} × ${width}`, () => {
      const store = new VectorStore({ heads, width, size, search });
      const appended = size + 29;
      const keys = directions(appended * heads, width, 1);
      const values = keys.map((x) => 3 * x + 1);
      for (let n = 0; n < appended; ) {
        const end = Math.min(appended, n + 1 + (n % 11));
        store.append(
          keys.subarray(n * heads * width, end * heads * width),
          values.subarray(n * heads * width, end * heads * width),
        );
        n = end;
      }
      assert.equal([store.length, store.appended], [size, appended]);
      const queries = directions(6 * heads, width, 2);
      const found = store.lookup(queries, topk);
      assert.is(found.k, Math.min(topk, size));
      for (let list = 0; list < 6 * heads; list++) {
        const head = list % heads;
        const vector = (all: Float32Array, n: number) => all.subarray(n * width, (n + 1) * width);
        const score = (n: number) =>
          vector(keys, n * heads + head).reduce((sum, x, d) => sum + x * vector(queries, list)[d], 0);
        const order = Array.from({ length: size }, (_, i) => appended - size + i).sort((a, b) => score(b) - score(a));
        for (let i = 0; i < found.k; i++) {
          const at = list * found.k + i;
          if (width > 1) assert.is(found.serials[at], order[i]);
          assert.ok(Math.abs(found.scores[at] - score(order[i])) < 1e-5);
          assert.equal([...vector(found.values, at)], [...vector(values, found.serials[at] * heads + head)]);
        }
      }
      store.release();
    });
  }
}

test("bucketed search finds most of the nearest", () => {
  const store = new VectorStore({ width: 16, size: 2000, search: "bucketed" });
  const exact = new VectorStore({ width: 16, size: 2000 });
  const keys = directions(2000, 16, 5);
  for (const each of [store, exact]) each.append(keys, keys);
  const queries = directions(50, 16, 6);
  const [some, all] = [store, exact].map((each) => each.lookup(queries, 10).serials);
  const hits = some.filter((serial, i) =>
    all.subarray(Math.floor(i / 10) * 10, Math.floor(i / 10) * 10 + 10).includes(serial),
  );
  assert.ok(hits.length > 0.8 * 500 && hits.length <= 500, `${hits.length} of 500`);
});

test("a store of half floats finds the same as a store of the rounded floats, in half the bytes, also in a file", () => {
  const [heads, width, size] = [2, 5, 33];
  const halves = new VectorStore({ heads, width, size, dtype: "float16" });
  const floats = new VectorStore({ heads, width, size });
  const keys = directions(50 * heads, width, 1);
  const values = keys.map((x) => 3 * x + 1);
  const rounded = (numbers: Float32Array) => asFloats(asHalves(numbers));
  halves.append(keys, values);
  floats.append(rounded(keys), rounded(values));
  assert.is(halves.bytes * 2, floats.bytes);
  const queries = directions(7 * heads, width, 2);
  const expected = floats.lookup(queries, 6);
  assert.equal(halves.lookup(queries, 6), expected);
  const snapshot = decodeMemory(encodeMemory(halves.snapshot()), "file");
  assert.instance(snapshot.layers.get(0)?.keys, Uint16Array);
  const again = [VectorStore.from(snapshot), VectorStore.from(snapshot, { dtype: "float16" })];
  for (const store of [...again, halves, floats]) {
    assert.equal(store.lookup(queries, 6), expected);
    store.release();
  }
});

test("a store from a snapshot finds the same pairs with the same numbers, also in a larger or smaller size", () => {
  const keys = directions(50, 6, 3);
  const queries = directions(4, 6, 4);
  const store = new VectorStore({ width: 6, size: 31 });
  store.append(keys, keys);
  const found = store.lookup(queries, 31);
  const kept = decodeMemory(encodeMemory(store.snapshot()), "file");
  for (const search of ["exact", "quantised"] as const) {
    assert.equal(VectorStore.from(kept, { search }).lookup(queries, 31), found);
    assert.equal(VectorStore.from(kept, { search, size: 99 }).lookup(queries, 31), found);
    const smaller = VectorStore.from(kept, { search, size: 10 });
    assert.equal([...smaller.lookup(queries, 99).serials].sort().slice(0, 4), [40, 40, 40, 40]);
    smaller.append(keys.subarray(0, 6), keys.subarray(0, 6));
    assert.equal([smaller.length, smaller.appended], [10, 51]);
    assert.equal([...smaller.lookup(keys.subarray(0, 6), 1).serials], [50]);
  }
});

test("an empty store, no queries and no pairs give empty results and leak nothing", () => {
  const before = heap.bytesInUse;
  const store = new VectorStore({ width: 6, size: 3 });
  assert.equal(store.lookup(new Float32Array(12), 5), {
    k: 0,
    scores: new Float32Array(),
    serials: new Float64Array(),
    values: new Float32Array(),
  });
  store.append(new Float32Array(), new Float32Array());
  assert.is(store.length, 0);
  store.append(new Float32Array(6), new Float32Array(6));
  assert.is(store.lookup(new Float32Array(), 5).scores.length, 0);
  store.release();
  assert.is(heap.bytesInUse, before);
});

test("keys are at most 16,384 wide, and such are found by every search that passes over all", () => {
  const width = 16_384;
  const keys = directions(9, width, 1);
  for (const search of ["exact", "quantised"] as const) {
    const store = new VectorStore({ width, size: 9, search });
    store.append(keys, keys);
    assert.equal([...store.lookup(keys.subarray(4 * width, 5 * width), 1).serials], [4], search);
    store.release();
  }
  assert.match(
    refusal(() => new VectorStore({ width: width + 1, size: 9 })),
    "width: got 16385; it must be a whole number from 1 to 16,384",
  );
});

test("arrays of a wrong length, and impossible sizes, are refused", () => {
  const store = new VectorStore({ heads: 2, width: 3, size: 4 });
  const [whole, odd] = [new Float32Array(6), new Float32Array(7)];
  assert.is(
    refusal(() => store.append(odd, odd)),
    "7 numbers do not make whole keys: each has 2 heads × 3 = 6 numbers",
  );
  assert.is(
    refusal(() => store.append(whole, new Float32Array(12))),
    "6 numbers of keys need 6 numbers of values; got 12",
  );
  assert.is(
    refusal(() => store.lookup(odd, 1)),
    "7 numbers do not make whole queries: each has 2 heads × 3 = 6 numbers",
  );
  assert.is(
    refusal(() => new VectorStore({ width: 3, size: 0 })),
    "size: got 0; it must be a whole number from 1 to 2,147,483,648",
  );
});

test("a lookup that would return more numbers than an array holds is refused", () => {
  const store = new VectorStore({ width: 16, size: 65_536 });
  store.append(new Float32Array(65_536 * 16), new Float32Array(65_536 * 16));
  assert.match(
    refusal(() => store.lookup(new Float32Array(160_000), 65_536)),
    "topk: got 65536; 10000 queries of 1 heads may have 13421 pairs each at most",
  );
  store.release();
});
