/** Pairs that buckets keep beyond the cache: which they are, and that attention finds them as it would in a longer cache. */
import * as assert from "uvu/assert";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { persistentTensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { kernels } from "../../src/wasm/runtime.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("buckets");

test("a small example, written out: two pairs of each of two buckets are kept, the third takes the place of the first", () => {
  // Positions 0 to 3 are the stores of the buckets 0 and 1; 4 to 8 leave the cache.
  const keys = persistentTensor([9, 1, 1]).set([0, 0, 0, 0, 10, 11, 12, 13, 14]);
  const values = persistentTensor([9, 1, 1]).set([0, 0, 0, 0, 1, 2, 3, 4, 5]);
  const buckets = persistentTensor([9, 1]).set([0, 0, 0, 0, 1, 0, 1, 1, 1]);
  const counts = persistentTensor([1, 2]);
  const addresses = [keys.ptr, values.ptr, buckets.ptr, counts.ptr] as const;
  kernels.keep_in_buckets(...addresses, 1, 1, 2, 0, 2, 4, 8, 0, 1);
  assert.equal([...keys.toArray().subarray(0, 4)], [11, 0, 13, 12]);
  assert.equal([...values.toArray().subarray(0, 4)], [2, 0, 4, 3]);
  assert.equal([...counts.toArray()], [1, 3]);
  kernels.keep_in_buckets(...addresses, 1, 1, 2, 0, 2, 8, 9, 0, 1);
  assert.equal([...keys.toArray().subarray(0, 4)], [11, 0, 13, 14]);
  assert.equal([...counts.toArray()], [1, 2], "four are as two: the next place is the first");
});

for (const kept of [1, 2, 5]) {
  test(`of many heads and buckets, each keeps the newest ${kept}`, () => {
    const [heads, width, count, stored, begin, end] = [3, 5, 4, 2, 25, 61];
    const random = new Random(kept);
    const capacity = end + 1;
    const normals = (size: number) => Float32Array.from({ length: size }, () => random.normal());
    const [keys, values] = [1, 2].map(() =>
      persistentTensor([capacity, heads, width]).set(normals(capacity * heads * width)),
    );
    const before = [keys, values].map((tensor) => tensor.toArray());
    const buckets = Float32Array.from({ length: capacity * heads }, () => random.uint32() % count);
    const counts = persistentTensor([heads, count]);
    const addresses = [keys.ptr, values.ptr, persistentTensor([capacity, heads]).set(buckets).ptr, counts.ptr] as const;
    for (const [from, to] of [
      [begin, begin],
      [begin, 40],
      [40, end],
    ]) {
      for (const head of [2, 0, 1])
        kernels.keep_in_buckets(...addresses, heads, width, count, stored, kept, from, to, head, head + 1);
    }
    for (let head = 0; head < heads; head++) {
      for (let bucket = 0; bucket < count; bucket++) {
        const wanted = Array.from({ length: end - begin }, (_, n) => begin + n)
          .filter((j) => buckets[j * heads + head] === bucket)
          .slice(-kept);
        for (const [i, tensor] of [keys, values].entries()) {
          const vector = (all: Float32Array, j: number) =>
            all.subarray((j * heads + head) * width, (j * heads + head + 1) * width).join();
          const found = Array.from({ length: kept }, (_, n) => vector(tensor.toArray(), stored + bucket * kept + n));
          assert.equal(wanted.map((j) => vector(before[i], j)).sort(), found.slice(0, wanted.length).sort());
        }
      }
    }
    const untouched = keys.toArray();
    for (const j of [0, 1, ...Array.from({ length: capacity - begin }, (_, n) => begin + n)]) {
      const [at, size] = [j * heads * width, heads * width];
      assert.equal(untouched.subarray(at, at + size), before[0].subarray(at, at + size), `position ${j}`);
    }
  });
}

const VOCABULARY = 19;

/** The logits of a text of two rows, read in segments of 7, and those of a document that follows it in the second row. */
function logitsOf(settings: Partial<ModelConfig>, length: number): number[] {
  const model = new Transformer(tinyConfig({ vocab_size: VOCABULARY, memory_layers: [], ...settings }), 3);
  const random = new Random(8);
  const state = model.newState({ rows: 2 });
  const logits: number[] = [];
  for (let at = 0; at < 2 * length; at += 7) {
    const ids = Int32Array.from({ length: 14 }, () => random.uint32() % VOCABULARY);
    const starts = at === length ? [0, 1] : undefined;
    logits.push(...step(() => noGrad(() => model.forward({ ids, starts }, state).toArray())));
  }
  state.release();
  model.release();
  return logits;
}

const routing = { mechanism: "routing", mechanism_window: 90, mechanism_buckets: 3 } as const;
const reformer = { mechanism: "reformer", mechanism_window: 90, mechanism_buckets: 4, mechanism_rounds: 2 } as const;

for (const settings of [routing, reformer]) {
  test(`while no store is full, ${settings.mechanism} with stores sees what it sees in a longer cache`, () => {
    const expected = logitsOf({ ...settings, xl_cache_length: 84 }, 42);
    for (const xl_cache_length of [0, 5, 7, 16]) {
      const found = logitsOf({ ...settings, xl_cache_length, mechanism_per_bucket: 84 }, 42);
      assertClose(found, expected, 2e-5, `with a cache of ${xl_cache_length}`);
    }
    assert.not.equal(logitsOf({ ...settings, xl_cache_length: 16 }, 42), expected, "and not in a short one");
  });

  test(`stores that are full change what ${settings.mechanism} sees`, () => {
    const [few, many] = [1, 84].map((mechanism_per_bucket) => logitsOf({ ...settings, mechanism_per_bucket }, 42));
    const first = 2 * 7 * VOCABULARY; // of the first segment, before anything is kept
    assert.equal(few.slice(0, first), many.slice(0, first));
    assert.not.equal(few.slice(first), many.slice(first));
  });
}
