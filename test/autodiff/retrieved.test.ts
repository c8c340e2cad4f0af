/** Attention over retrieved pairs, against plain loops. */
import { retrievedAttention } from "../../src/autodiff/ops/retrieved.ts";
import { step } from "../../src/autodiff/tape.ts";
import { type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { KvMemory } from "../../src/memory/memory.ts";
import type { MemoryDtype } from "../../src/memory/options.ts";
import { asFloats } from "../../src/wasm/half.ts";
import { assertClose, checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { remember } from "../memories.ts";
import { memoryAttention } from "../oracle/attention.ts";

const test = suite("retrieved attention");

test("a small example, written out: logits that differ by ln 3 weigh two values ¾ and ¼", () => {
  const memory = new KvMemory({ rows: 1, heads: 1, width: 1, size: 2, segment: 2 });
  remember(memory, 0, [-1, 1], [10, 20]);
  step(() => {
    const [q, scale] = [tensor([1], [1, 1, 1]), tensor([Math.log(3) / 2])]; // scores 1 and −1
    const { out, weights } = retrievedAttention(q, scale, memory.lookup(q, 2));
    assertClose(weights.toArray(), [0.75, 0.25], 1e-6, "weights, the best first");
    assertClose(out.toArray(), [0.75 * 20 + 0.25 * 10], 1e-6, "out");
  });
  memory.release();
});

test("written out: of two equal scores the newer pair weighs three times as much as the one that is two pairs older", () => {
  const memory = new KvMemory({ rows: 1, heads: 1, width: 1, size: 3, segment: 2 });
  remember(memory, 0, [1, -9, 1], [20, 0, 10]); // ages 2, 1, 0; ln(1 + 2) − ln(1 + 0) = ln 3
  step(() => {
    const { out } = retrievedAttention(
      tensor([1], [1, 1, 1]),
      tensor([1]),
      memory.lookup(tensor([1], [1, 1, 1]), 2),
      1,
    );
    assertClose(out.toArray(), [0.75 * 10 + 0.25 * 20], 1e-6, "out");
  });
  memory.release();
});

/** Returns a memory with `lengths[row]` random pairs per row. */
function filledMemory(rows: number, heads: number, width: number, lengths: number[], dtype: MemoryDtype): KvMemory {
  const random = new Random(7);
  const memory = new KvMemory({ rows, heads, width, size: 24, segment: 5 }, { dtype });
  for (let row = 0; row < rows; row++) {
    for (let left = lengths[row]; left > 0; left -= 24) {
      const vectors = () => Float32Array.from({ length: Math.min(24, left) * heads * width }, () => random.normal());
      remember(memory, row, vectors(), vectors());
    }
  }
  return memory;
}

/** Returns the pairs as they are stored: rounded, if the memory holds halves. */
function storedPairs(memory: KvMemory, rows: number) {
  return Array.from({ length: rows }, (_, row) => {
    const { keys, values } = memory.contents(row);
    return { keys: asFloats(keys), values: asFloats(values), length: memory.length(row) };
  });
}

// rows, heads, width, segment, topk, stored pairs of each row
const cases: [number, number, number, number, number, number[]][] = [
  [1, 1, 1, 1, 1, [1]],
  [1, 2, 4, 3, 4, [9]],
  [2, 3, 5, 4, 7, [3, 24]],
  [2, 1, 9, 5, 32, [20, 24]],
  [3, 2, 3, 2, 9, [31, 29, 70]], // rings that turned round, and one that is about to
];

for (const [rows, heads, width, segment, topk, lengths] of cases) {
  const shape = { rows, heads, width, segment, topk };
  for (const dtype of ["float32", "float16"] as const) {
    for (const part of ["out", "lse"] as const) {
      for (const fade of [0, 0.7]) {
        const title = `${part}: ${rows} rows, ${heads} heads of ${width}, top ${topk} of ${lengths}, fading by ${fade}`;
        test(`attention over retrieved ${dtype} pairs, ${title}`, () => {
          const memory = filledMemory(rows, heads, width, lengths, dtype);
          checkOp({
            shapes: [[rows, segment, heads * width], [heads]],
            op: (q: Tensor, scale: Tensor) => retrievedAttention(q, scale, memory.lookup(q, topk), fade)[part],
            oracle: (q, scale) => memoryAttention(shape, storedPairs(memory, rows), q, scale, fade)[part],
          });
          memory.release();
        });
      }
    }
  }
}
