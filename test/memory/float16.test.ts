/** A memory of half floats is bit-identical to a memory of floats with rounded pairs, in half the bytes. */
import * as assert from "uvu/assert";
import { retrievedAttention } from "../../src/autodiff/ops/retrieved.ts";
import { backward, step } from "../../src/autodiff/tape.ts";
import { parameter, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { memoryBytes } from "../../src/memory/bytes.ts";
import { KvMemory } from "../../src/memory/memory.ts";
import type { MemoryOptions, MemoryShape } from "../../src/memory/options.ts";
import { asFloats, asHalves } from "../../src/wasm/half.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { normals, remember, unitVectors } from "../memories.ts";
import { refusal } from "../refusal.ts";

const test = suite("float16 memory");

const kinds = ["exact", "bucketed", "quantised"] as const;

test("a small example, written out: 0.1 becomes the nearest half, 0.0999755859375, in 2 bytes", () => {
  const memory = new KvMemory({ rows: 1, heads: 1, width: 2, size: 1, segment: 0 }, { dtype: "float16" });
  remember(memory, 0, [0.1, 1]);
  assert.equal([...asFloats(memory.contents(0).keys)], [0.0999755859375, 1]);
  assert.is(memory.bytes, 8); // 2 keys and 2 values
  memory.release();
});

function rounded(numbers: Float32Array): Float32Array {
  return asFloats(asHalves(numbers));
}

/** A memory of halves, and one of floats with the same pairs rounded. Row b gets appends[b] pairs; the ring's seam is inside. */
function twins(shape: MemoryShape, kind: MemoryOptions["kind"], appends: readonly number[]): [KvMemory, KvMemory] {
  const { heads, width, segment } = shape;
  const halves = new KvMemory(shape, { kind, dtype: "float16" });
  const floats = new KvMemory(shape, { kind });
  const random = new Random(shape.size);
  for (const [row, count] of appends.entries()) {
    for (let done = 0; done < count; ) {
      const some = Math.min(count - done, segment, 1 + (done % 4));
      const keys = unitVectors(some * heads, width, random);
      const values = normals(some * heads * width, random);
      remember(halves, row, keys, values);
      remember(floats, row, rounded(keys), rounded(values));
      done += some;
    }
  }
  return [halves, floats];
}

// rows, heads, width, size, segment, appended pairs of each row
const cases: [number, number, number, number, number, number[]][] = [
  [1, 1, 1, 1, 1, [3]],
  [1, 2, 3, 7, 3, [6]],
  [2, 1, 4, 8, 5, [0, 20]],
  [1, 3, 7, 65, 4, [100]],
  [2, 2, 9, 33, 11, [33, 75]],
  [1, 1, 64, 130, 7, [400]],
  [1, 2, 33, 300, 64, [1000]],
];

for (const [rows, heads, width, size, segment, appends] of cases) {
  const shape = { rows, heads, width, size, segment };
  const title = `${rows} × ${heads} × ${size} pairs of ${width}`;

  test(`it holds the rounded pairs: ${title}`, () => {
    const [halves, floats] = twins(shape, "exact", appends);
    for (let row = 0; row < rows; row++) {
      const { keys, values } = halves.contents(row);
      assert.instance(keys, Uint16Array);
      assert.equal({ keys: asFloats(keys), values: asFloats(values) }, floats.contents(row));
    }
    halves.release();
    floats.release();
  });

  for (const kind of kinds) {
    test(`its ${kind} search and attention, forward and backward, equal those of the rounded pairs: ${title}`, () => {
      const [halves, floats] = twins(shape, kind, appends);
      const random = new Random(2);
      const topk = 5;
      const qs = unitVectors(rows * segment * heads, width, random);
      const dout = normals(qs.length, random);
      const results = [halves, floats].map((memory) => {
        const [q, scale] = [
          parameter([rows, segment, heads * width], qs),
          parameter([heads], normals(heads, new Random(3))),
        ];
        return step(() => {
          const found = memory.lookup(q, topk);
          const valid = (i: number) => i % topk < found.counts[Math.floor(i / (topk * segment * heads))];
          const { out, lse } = retrievedAttention(q, scale, found);
          const results = {
            scores: [...found.scores.toArray()].filter((_, i) => valid(i)),
            slots: [...heap.i32(found.slots, found.scores.size)].filter((_, i) => valid(i)),
            out: out.toArray(),
            lse: lse.toArray(),
          };
          backward(out, dout);
          return { ...results, dq: q.grad?.toArray(), dscale: scale.grad?.toArray() };
        });
      });
      assert.equal(results[0], results[1]);
      halves.release();
      floats.release();
    });
  }
}

test("quantised search of halves is bit-identical to exact search, and rarely falls back despite the rounding", () => {
  const shape = { rows: 1, heads: 1, width: 64, size: 5001, segment: 50 };
  const q = unitVectors(300, 64, new Random(4));
  const [exact, quantised] = (["exact", "quantised"] as const).map((kind) => {
    const [halves, floats] = twins(shape, kind, [5100]);
    floats.release();
    const found = step(() => {
      const { scores, slots } = halves.lookup(tensor(q, [1, 300, 64]), 32);
      return { scores: scores.toArray(), slots: heap.i32(slots, scores.size).slice() };
    });
    const fallbacks = halves.fallbackCount?.fallbacks ?? 0;
    halves.release();
    return { found, fallbacks };
  });
  assert.equal(quantised.found, exact.found);
  assert.ok(quantised.fallbacks < 3, `${quantised.fallbacks} of 300 fell back`);
});

test("unit vectors that rounding to halves makes longer than 1 still have a bound", () => {
  const width = 64;
  const key = new Float32Array(width).fill((1 + 2 ** -11 + 2 ** -20) / 8); // rounds up by half of the last bit
  key[0] = Math.sqrt(1 - 63 * key[1] ** 2);
  assert.ok(Math.hypot(...rounded(key)) > 1.0004);
  const shape = { rows: 1, heads: 1, width, size: 9, segment: 2 };
  const memory = new KvMemory(shape, { kind: "quantised", dtype: "float16" });
  remember(memory, 0, key);
  step(() => memory.lookup(tensor(key, [1, 1, width]), 1));
  assert.equal(memory.fallbackCount, { queries: 1, fallbacks: 0 });
  memory.release();
});

for (const dtype of ["float32", "float16"] as const) {
  for (const kind of kinds) {
    for (const [rows, heads, width, size, segment] of [
      [1, 1, 1, 1, 1],
      [2, 3, 5, 17, 4],
      [3, 2, 64, 100, 33],
    ]) {
      test(`the bytes of a ${kind} ${dtype} memory are known beforehand: ${rows} × ${heads} × ${size} pairs of ${width}`, () => {
        const shape = { rows, heads, width, size, segment };
        const before = heap.bytesInUse;
        const memory = new KvMemory(shape, { kind, dtype });
        assert.is(memory.bytes, memoryBytes(shape, { kind, dtype }));
        const pairs = 2 * rows * heads * (size + segment) * width * (dtype === "float16" ? 2 : 4);
        assert.ok(kind === "quantised" ? memory.bytes > pairs : memory.bytes === pairs);
        const rounding = heap.bytesInUse - before - memory.bytes; // of three blocks to cache lines
        assert.ok(rounding >= 0 && rounding < 3 * 64, `${rounding} bytes more are in use`);
        memory.release();
        assert.is(heap.bytesInUse, before);
      });
    }
  }
}

test("the bytes of memories that could never fit are known as well", () => {
  const shape = { rows: 16, heads: 8, width: 128, size: 2 ** 24, segment: 0 };
  assert.is(memoryBytes(shape), 2 ** 41);
  assert.is(memoryBytes(shape, { dtype: "float16" }), 2 ** 40);
  const indexBytes = memoryBytes(shape, { kind: "quantised" }) - 2 ** 41; // of 2³¹ keys
  assert.ok(indexBytes > 2 ** 31 * 128 && indexBytes < 2 ** 31 * 264, `${indexBytes} bytes of index`);
});

test("a memory that cannot fit is refused with the bytes needed, the bytes left and advice", () => {
  const before = heap.bytesInUse;
  const shape = { rows: 1, heads: 8, width: 128, size: 600_000, segment: 512 };
  const left = "are left of the 4 GiB that one WebAssembly memory can hold";
  assert.is(
    refusal(() => new KvMemory(shape)),
    `a memory of 600000 pairs needs 4919394304 bytes, but ${heap.bytesAvailable} ${left}; ` +
      "make it smaller, or keep it as float16, which takes 2459697152 bytes",
  );
  assert.match(
    refusal(() => new KvMemory({ ...shape, size: 2 ** 24 }, { dtype: "float16" })),
    /^a memory of 16777216 pairs needs \d+ bytes, but \d+ are left of .*; make it smaller$/,
  );
  assert.is(heap.bytesInUse, before);
});
