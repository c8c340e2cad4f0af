/** The heap: alignment, reuse, merging, growth and its limits, on a WebAssembly memory of its own. */
import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { ALIGNMENT, Heap, MOST_BYTES, OutOfMemoryError } from "../../src/wasm/heap.ts";
import { suite } from "../harness.ts";

const test = suite("heap");

const PAGE = 65536;
const BASE = 1000;
const FIRST = 1024;

/** Returns a heap over a fresh memory of one page that may grow to `pages`. */
function freshHeap(pages = 16): Heap {
  return new Heap(new WebAssembly.Memory({ initial: 1, maximum: pages }), BASE);
}

test("a small example, written out: blocks of 64 bytes from 1024 up, and a hole that is filled again", () => {
  const heap = freshHeap();
  assert.equal([heap.allocate(1), heap.allocate(65), heap.allocate(64)], [1024, 1088, 1216]);
  heap.release(1088);
  assert.is(heap.allocate(128), 1088);
  assert.is(heap.bytesInUse, 64 + 128 + 64);
});

test("blocks are aligned, above the base, and do not overlap", () => {
  const heap = freshHeap();
  const sizes = [1, 64, 65, 0, 127];
  const addresses = sizes.map((bytes) => heap.allocate(bytes));
  assert.is(addresses[0], FIRST);
  for (const [i, address] of addresses.entries()) {
    assert.is(address % ALIGNMENT, 0);
    if (i > 0) assert.ok(address >= addresses[i - 1] + Math.max(1, sizes[i - 1]));
  }
  assert.is(heap.bytesInUse, 64 + 64 + 128 + 64 + 128);
});

test("a released block is used again, whole or in part", () => {
  const heap = freshHeap();
  const [first] = [heap.allocate(256), heap.allocate(64)];
  heap.release(first);
  assert.is(heap.allocate(64), first);
  assert.is(heap.allocate(192), first + 64);
});

test("neighbouring free blocks merge, in whatever order they are released", () => {
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]) {
    const heap = freshHeap();
    const blocks = [heap.allocate(64), heap.allocate(128), heap.allocate(64)];
    const guard = heap.allocate(64);
    for (const i of order) heap.release(blocks[i]);
    assert.is(heap.allocate(256), blocks[0], `released in the order ${order}`);
    assert.is(heap.allocate(64), guard + 64);
  }
});

test("releasing every block frees all bytes", () => {
  const heap = freshHeap();
  const before = heap.bytesAvailable;
  const random = new Random(11);
  const blocks = Array.from({ length: 50 }, () => heap.allocate(random.uint32() % 5000));
  while (blocks.length > 0) heap.release(blocks.splice(random.uint32() % blocks.length, 1)[0]);
  assert.is(heap.bytesInUse, 0);
  assert.is(heap.bytesAvailable, before);
  assert.is(heap.allocate(64), FIRST);
});

test("a thousand random allocations and releases never overlap", () => {
  const heap = freshHeap(64);
  const random = new Random(7);
  const live = new Map<number, { bytes: number; mark: number }>();
  for (let i = 1; i <= 1000; i++) {
    if (live.size > 20) {
      const [address, { bytes, mark }] = [...live][random.uint32() % live.size];
      assert.ok(
        heap.u8(address, bytes).every((byte) => byte === mark),
        `block ${address} was overwritten`,
      );
      heap.release(address);
      live.delete(address);
    }
    const bytes = 1 + (random.uint32() % 3000);
    const address = heap.allocate(bytes);
    heap.u8(address, bytes).fill(i % 256);
    live.set(address, { bytes, mark: i % 256 });
  }
});

test("the memory grows when it must, and keeps its contents", () => {
  const heap = freshHeap();
  const small = heap.allocate(16);
  heap.f32(small, 4).set([1, 2, 3, 4]);
  const large = heap.allocate(5 * PAGE);
  assert.ok(heap.memory.buffer.byteLength >= large + 5 * PAGE);
  assert.equal(Array.from(heap.f32(small, 4)), [1, 2, 3, 4]);
  heap.i32(large, 2).set([-1, 7]);
  assert.equal(Array.from(heap.u8(large, 8)), [255, 255, 255, 255, 7, 0, 0, 0]);
});

test("a block beyond 4 GiB, or beyond what the engine grants, is refused and changes nothing", () => {
  const heap = freshHeap(4);
  assert.throws(
    () => heap.allocate(MOST_BYTES),
    (error: unknown) => error instanceof OutOfMemoryError && /bytes are left of the 4 GiB/.test(error.message),
  );
  assert.throws(() => heap.allocate(5 * PAGE), /the system refused to grow the WebAssembly memory/);
  assert.is(heap.bytesInUse, 0);
  assert.is(heap.allocate(64), FIRST);
});

test("releasing an address that is not the start of a block is refused, and so is releasing a block twice", () => {
  const heap = freshHeap();
  const block = heap.allocate(128);
  assert.throws(() => heap.release(block + 64), /is not the start of an allocated block/);
  heap.release(block);
  assert.throws(() => heap.release(block), /is not the start of an allocated block/);
});
