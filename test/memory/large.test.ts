/**
 * Memories of a gigabyte and more, above 2 GiB, where an address that is mistaken for a signed number is negative. Only the
 * pages with pairs are ever touched.
 */
import * as assert from "uvu/assert";
import { retrievedAttention } from "../../src/autodiff/ops/retrieved.ts";
import { backward, step } from "../../src/autodiff/tape.ts";
import { parameter } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { KvMemory } from "../../src/memory/memory.ts";
import type { MemoryOptions } from "../../src/memory/options.ts";
import { heap, kernels } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { remember } from "../memories.ts";

const test = suite("large memory");

const GiB = 2 ** 30;

/** Returns why there is not enough address space, or "". */
function shortage(): string {
  try {
    heap.release(heap.allocate(3.5 * GiB));
    return "";
  } catch {
    return "the system does not let the WebAssembly memory grow to 3.5 GiB";
  }
}

const capacity = 262_144;
const segment = 512;
const stored = 19;

test.unless(shortage(), "a small example, written out: twice 1 and 2 is 2 and 4, above 2 GiB as well", () => {
  const block = heap.allocate(2.5 * GiB);
  const address = block + 2.25 * GiB;
  heap.f32(address, 2).set([1, 2]);
  kernels.scale(address, address, 2, 0, 2);
  const found = [...heap.f32(address, 2)];
  heap.release(block);
  assert.equal(found, [2, 4]);
});

// search and storage, heads, bytes before the memory: its keys then begin below 2 GiB and end above
const cases: [Partial<MemoryOptions>, number, number][] = [
  [{ kind: "exact", dtype: "float32" }, 8, 1.25 * GiB],
  [{ kind: "bucketed", dtype: "float32" }, 8, 1.25 * GiB],
  [{ kind: "exact", dtype: "float16" }, 8, 1.75 * GiB],
  [{ kind: "quantised", dtype: "float16" }, 1, 1.97 * GiB],
];

for (const [options, heads, before] of cases) {
  const title = `${heads} heads of ${options.dtype}, ${options.kind} search`;
  test.unless(shortage(), `the pairs of a memory of 262,144 are found in their slots: ${title}`, () => {
    const width = 128;
    const random = new Random(1);
    const normals = (length: number) => Float32Array.from({ length }, () => random.normal() / Math.sqrt(width) / 1.5);
    const contents = { keys: normals(heads * stored * width), values: normals(heads * stored * width) };
    const newest = normals(3 * heads * width);
    const q = normals(2 * heads * width);
    /** Contents, lookup and attention of a memory whose ring has its seam within the pairs. */
    const ask = (size: number) => {
      const memory = new KvMemory({ rows: 1, heads, width, size, segment }, options);
      memory.restore(0, size + segment + 7, contents);
      remember(memory, 0, newest);
      const [query, scale] = [parameter([1, 2, heads * width], q), parameter([heads], new Float32Array(heads).fill(8))];
      const answers = step(() => {
        const found = memory.lookup(query, 5);
        const slots = heap.i32(found.slots, found.scores.size);
        const numbers = [...slots].map((slot) => (slot + 100) % (size + segment)); // by age, for any size
        const { out } = retrievedAttention(query, scale, found);
        backward(out, q);
        return { scores: found.scores.toArray(), numbers, out: out.toArray(), dq: query.grad?.toArray() };
      });
      const { keys, values } = memory.contents(0);
      memory.release();
      return { ...answers, keys, values };
    };
    const expected = ask(segment);
    const filler = heap.allocate(Math.round(before));
    const actual = ask(capacity - segment);
    heap.release(filler);
    assert.equal(actual, expected);
  });
}
