/**
 * After an OutOfMemoryError that a program catches, buffers that grow (scratch space, the table of positions, the arena) still
 * own their blocks: the heap must not hand them out again.
 */
import * as assert from "uvu/assert";
import { positionBucket, positionBuckets } from "../../src/autodiff/ops/attention.ts";
import { step } from "../../src/autodiff/tape.ts";
import { arena, parameter, stepTensor } from "../../src/autodiff/tensor.ts";
import type { Releasable } from "../../src/base/lifetime.ts";
import { VectorStore } from "../../src/memory/vector-store.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { OutOfMemoryError } from "../../src/wasm/heap.ts";
import { reserveScratch } from "../../src/wasm/parallel.ts";
import { heap, kernels, scratch } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("out of memory");

const refusal = /^no memory is left$/;

/** Runs `work` while the heap hands out only `allowed` more blocks. */
function withBlocks<T>(allowed: number, work: () => T): T {
  const { allocate } = heap;
  let left = allowed;
  heap.allocate = (bytes) => {
    if (left-- === 0) throw new OutOfMemoryError("no memory is left");
    return allocate.call(heap, bytes);
  };
  try {
    return work();
  } finally {
    heap.allocate = allocate;
  }
}

/** Fails if a new block lies over [address, address + bytes). */
function assertOwned(address: number, bytes: number): void {
  const blocks = Array.from({ length: 50 }, () => heap.allocate(64));
  for (const block of blocks) assert.ok(block + 64 <= address || block >= address + bytes, `${block} lies in it`);
  for (const block of blocks) heap.release(block);
}

test("scratch space that cannot grow keeps its buffer", () => {
  const bytes = 64_000_000; // more than other tests of the same process leave
  const address = scratch(bytes);
  withBlocks(0, () => assert.throws(() => scratch(2 * bytes), refusal));
  assert.is(scratch(bytes), address);
  assertOwned(address, bytes);
  assertOwned(scratch(2 * bytes), 2 * bytes);
});

test("more scratch space than 32 bits can say is more than there is", () => {
  const bytes = kernels.attention_scratch_bytes(2 ** 20 + 512, 512);
  assert.ok(bytes > 2 ** 32);
  assert.ok(kernels.bucketed_scratch_bytes(64, 64 * 65_536, 65_536) > 2 ** 32);
  const isRefusal = (error: Error) => error instanceof OutOfMemoryError;
  assert.throws(() => reserveScratch(bytes), isRefusal);
  assert.throws(() => reserveScratch(-64), isRefusal); // of a kernel that counts in 32 bits
});

test("a table of positions that cannot grow keeps its contents", () => {
  const length = 5000;
  const address = positionBuckets(length);
  const table = heap.i32(address, length).slice();
  withBlocks(0, () => assert.throws(() => positionBuckets(9 * length), refusal));
  assertOwned(address, length * 4);
  assert.is(positionBuckets(length), address);
  assert.equal(heap.i32(address, length).slice(), table);
  assert.is(heap.i32(positionBuckets(9 * length), 9 * length)[300], positionBucket(300));
});

/** Fills the arena's chunk, so that the next tensor of the step needs another, whatever other tests left it. */
function fillArena(): void {
  stepTensor([1]);
  stepTensor([16 * Math.floor((arena.bytesReserved - arena.bytesUsed) / 64)]);
}

/** Runs `work` while the heap says that `bytes` bytes are left. */
function withBytesLeft(bytes: number, work: () => void): void {
  Object.defineProperty(heap, "bytesAvailable", { get: () => bytes, configurable: true });
  try {
    work();
  } finally {
    Reflect.deleteProperty(heap, "bytesAvailable");
  }
}

test("an arena that cannot double grows by half of what is left, or by what a tensor needs", () => {
  step(() => {
    fillArena();
    withBytesLeft(640_000, () => {
      for (const [needed, grown] of [
        [1000, 320_000],
        [400_000, 400_000],
      ]) {
        const before = arena.bytesReserved;
        stepTensor([needed / 4]);
        assert.is(arena.bytesReserved - before, grown);
      }
    });
  });
});

test("an arena that cannot merge its chunks starts again without one", () => {
  const { allocate } = heap;
  step(() => {
    fillArena();
    withBytesLeft(0, () => stepTensor([1000]));
    heap.allocate = () => {
      throw new OutOfMemoryError("no memory is left");
    };
  });
  heap.allocate = allocate;
  assert.is(arena.bytesReserved, 0);
  step(() => assertOwned(stepTensor([1000]).ptr, 4000));
});

const model = new Transformer(tinyConfig({ memory_search: "inverted", memory_layers: [0, 1] }), 1);
const documents = randomDocuments([40, 23]);
const makers: Record<string, () => Releasable> = {
  "a vector store": () => new VectorStore({ width: 3, size: 7, search: "quantised" }),
  "a model": () => new Transformer(model.config),
  "a state": () => model.newState({ rows: 2 }),
  "a trainer": () => new Trainer(model, documents, { gradientAccumulation: 2 }),
  "a trainer with Adafactor": () => new Trainer(model, documents, { optimizer: "adafactor" }),
  "a parameter": () => parameter([5]),
};

for (const [name, make] of Object.entries(makers)) {
  test(`${name} that cannot be made completely frees its parts`, () => {
    make().release(); // from now on, scratch space exists
    const before = heap.bytesInUse;
    let allowed = 0;
    for (let made: Releasable | undefined; made === undefined; allowed++) {
      try {
        made = withBlocks(allowed, make);
        made.release();
      } catch (error) {
        assert.instance(error, OutOfMemoryError);
      }
      assert.is(heap.bytesInUse, before, `with ${allowed} blocks`);
    }
    assert.ok(allowed > 1);
  });
}

test("a store that cannot take new pairs keeps its old ones", () => {
  const store = new VectorStore({ width: 2, size: 5, search: "quantised" });
  store.append([1, 0, 0, 1], [1, 2, 3, 4]);
  withBlocks(0, () => assert.throws(() => store.append([1, 1], [5, 6]), refusal));
  assert.equal([store.length, ...store.lookup([1, 0], 5).serials], [2, 0, 1]);
  store.release();
});
