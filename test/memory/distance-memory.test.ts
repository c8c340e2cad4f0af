/** A memory in which distance counts, against sorting all scores. */
import * as assert from "uvu/assert";
import { type Neighbours, retrievedAttention } from "../../src/autodiff/ops/retrieved.ts";
import { assertFiniteTape, step } from "../../src/autodiff/tape.ts";
import { type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { DistanceMemory } from "../../src/memory/distance-memory.ts";
import { KvMemory } from "../../src/memory/memory.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { normals, remember } from "../memories.ts";

const test = suite("memories by distance");

/** Pairs of a row, [n, H, D] each. */
interface Pairs {
  readonly keys: Float32Array;
  readonly rotated: Float32Array;
  readonly values: Float32Array;
}

function append(memory: DistanceMemory, row: number, { keys, rotated, values }: Pairs): void {
  const { heads, width } = memory.pairs;
  const addresses = [keys, rotated, values].map((floats) => {
    const address = heap.allocate(floats.length * 4);
    heap.f32(address, floats.length).set(floats);
    return address;
  });
  memory.append(row, addresses[0], addresses[1], addresses[2], keys.length / heads / width);
  for (const address of addresses) heap.release(address);
}

test("a small example, written out: far keys meet the far query, the newest two the near one, and the older of equals wins", () => {
  const memory = new DistanceMemory({ rows: 1, heads: 1, width: 1, size: 5, segment: 0 }, "float32", 2);
  const floats = (...numbers: number[]) => Float32Array.from(numbers);
  append(memory, 0, { keys: floats(1, 5, 3, 9, 9), rotated: floats(0, 0, 0, 1, 4), values: floats(0, 1, 2, 3, 4) });
  step(() => {
    const [near, far] = [tensor([2], [1, 1, 1]), tensor([1], [1, 1, 1])];
    const lookup = { near, far, topk: 4, nearby: Int32Array.of(2) };
    const { scores, slots, counts } = memory.lookup(lookup);
    assert.equal([...scores.toArray()], [8, 5, 3, 2]);
    assert.equal([...heap.i32(slots, 4)], [4, 1, 2, 3]);
    assert.equal([...counts], [4]);
    const three = memory.lookup({ ...lookup, reach: [3] });
    assert.equal([...three.scores.toArray().subarray(0, 3)], [8, 3, 2]);
    assert.equal([...three.counts], [3]);
    const all = memory.lookup({ ...lookup, nearby: Int32Array.of(0) });
    assert.equal([...heap.i32(all.slots, 4)], [3, 4, 1, 2]);
  });
  memory.release();
});

// rows, heads, width, queries, top k, memory, most nearby, appended to each row, nearby
const cases: [number, number, number, number, number, number, number, number[], number[]][] = [
  [1, 1, 4, 1, 3, 7, 3, [2], [1]],
  [1, 2, 5, 3, 4, 9, 4, [9], [4]],
  [2, 1, 3, 2, 8, 11, 5, [40, 3], [5, 2]],
  [2, 3, 8, 7, 5, 13, 6, [29, 0], [6, 0]],
  [1, 2, 6, 4, 4, 5, 9, [23], [5]],
  [1, 2, 8, 3, 32, 700, 100, [800], [90]],
  [2, 1, 4, 17, 5, 600, 200, [700, 350], [150, 5]],
  [1, 1, 3, 1, 7, 400, 50, [400], [50]],
];

/** Keys as trained models have them: much in common, and a few huge components. */
function trainedKeys(count: number, width: number, random: Random): Float32Array {
  const centre = normals(width, random);
  return Float32Array.from({ length: count * width }, (_, i) => {
    const d = i % width;
    return (d % 13 === 3 ? 30 : 1) * (4 * centre[d] + random.normal());
  });
}

for (const dtype of ["float32", "float16"] as const) {
  test(`keys of any length, near and far, are found as exact search finds them, bit for bit (${dtype})`, () => {
    const [rows, heads, width, size, topk, queries] = [2, 2, 20, 300, 9, 5];
    const random = new Random(7);
    const shape = { rows, heads, width, size, segment: 0 };
    const memory = new DistanceMemory(shape, dtype, size);
    const exact = new KvMemory(shape, { dtype });
    for (let at = 0; at < 700; at += 70) {
      const [keys, rotated, values] = [0, 1, 2].map(() => trainedKeys(70 * heads, width, random));
      append(memory, 0, { keys, rotated, values });
      remember(exact, 0, rotated, values);
    }
    step(() => {
      const [near, far] = [0, 1].map(() =>
        tensor(trainedKeys(rows * queries * heads, width, random), [rows, queries, heads * width]),
      );
      const lists = ({ scores, slots, counts }: Pick<Neighbours, "scores" | "slots" | "counts">) => {
        return [[...scores.toArray()], [...heap.i32(slots, scores.size)], [...counts]];
      };
      const lookup = { near, far, topk };
      const allFar = memory.lookup({ ...lookup, nearby: Int32Array.of(0, 0) });
      assert.equal(lists(allFar), lists(memory.pairs.lookupExactly(far, topk)), "far");
      const allNear = memory.lookup({ ...lookup, nearby: Int32Array.of(size, 0) });
      assert.equal(lists(allNear), lists(exact.lookup(near, topk)), "near");
    });
    exact.release();
    memory.release();
  });
}

/** Appends random pairs, a few at a time; returns all of them, row by row. */
function filled(memory: DistanceMemory, appended: readonly number[], random: Random): Pairs[] {
  const { heads, width } = memory.pairs;
  return appended.map((count, row) => {
    const [keys, rotated, values] = [0, 1, 2].map(() => normals(count * heads * width, random));
    for (let at = 0; at < count; at += 4) {
      const part = (floats: Float32Array) => floats.slice(at * heads * width, (at + 4) * heads * width);
      append(memory, row, { keys: part(keys), rotated: part(rotated), values: part(values) });
    }
    return { keys, rotated, values };
  });
}

for (const [rows, heads, width, queries, topk, size, most, appended, nearby] of cases) {
  const title = `${rows} rows, ${heads} heads of ${width}, top ${topk} of ${appended} in ${size}, ${nearby} nearby`;
  const shape = [rows, queries, heads * width];

  /** The best pairs of a query: number in the row, and score. */
  function best(
    pairs: Pairs[],
    near: ArrayLike<number>,
    far: ArrayLike<number>,
    row: number,
    query: number,
    head: number,
  ) {
    const at = (row * queries + query) * heads + head;
    const score = (q: ArrayLike<number>, keys: Float32Array, n: number) => {
      let sum = 0;
      for (let d = 0; d < width; d++) sum += q[at * width + d] * keys[(n * heads + head) * width + d];
      return sum;
    };
    const stored = Math.min(size, appended[row]);
    const all = Array.from({ length: stored }, (_, i) => {
      const n = appended[row] - stored + i;
      const isNear = n >= appended[row] - nearby[row];
      return { n, score: isNear ? score(near, pairs[row].rotated, n) : score(far, pairs[row].keys, n) };
    });
    return all.sort((a, b) => b.score - a.score || a.n - b.n).slice(0, topk);
  }

  test(`${title}: the lists are those of sorting`, () => {
    const random = new Random(5);
    const memory = new DistanceMemory({ rows, heads, width, size, segment: 0 }, "float32", most);
    const pairs = filled(memory, appended, random);
    const [near, far] = [0, 1].map(() => normals(rows * queries * heads * width, random));
    step(() => {
      const lookup = { near: tensor(near, shape), far: tensor(far, shape), topk, nearby: Int32Array.from(nearby) };
      const { slots, counts, scores } = memory.lookup(lookup);
      const found = heap.i32(slots, scores.size);
      for (let list = 0; list < rows * queries * heads; list++) {
        const [row, query, head] = [
          Math.floor(list / heads / queries),
          Math.floor(list / heads) % queries,
          list % heads,
        ];
        const serials = [...found.subarray(list * topk, list * topk + counts[row])].map((slot) =>
          memory.pairs.serial(row, slot),
        );
        assert.equal(
          serials,
          best(pairs, near, far, row, query, head).map(({ n }) => n),
        );
      }
    });
    memory.release();
  });

  test(`${title}: gradients reach the near and the far queries`, () => {
    const random = new Random(6);
    const memory = new DistanceMemory({ rows, heads, width, size, segment: 0 }, "float32", most);
    const pairs = filled(memory, appended, random);
    const oracle = (near: Float64Array, far: Float64Array) =>
      Float64Array.from({ length: rows * queries * heads * width }, (_, i) => {
        const [list, d] = [Math.floor(i / width), i % width];
        const [row, query, head] = [
          Math.floor(list / heads / queries),
          Math.floor(list / heads) % queries,
          list % heads,
        ];
        const chosen = best(pairs, near, far, row, query, head);
        const weights = chosen.map(({ score }) => Math.exp(0.5 * score));
        const total = weights.reduce((sum, weight) => sum + weight, 0) || 1;
        const value = (n: number) => pairs[row].values[(n * heads + head) * width + d];
        return chosen.reduce((sum, { n }, k) => sum + (weights[k] / total) * value(n), 0);
      });
    const op = (near: Tensor, far: Tensor) => {
      const found = memory.lookup({ near, far, topk, nearby: Int32Array.from(nearby) });
      return retrievedAttention(far, tensor(new Float32Array(heads).fill(0.5)), found).out;
    };
    checkOp({ shapes: [shape, shape], op, oracle });
    memory.release();
  });
}

test("pairs far away that cannot be among the best are no infinity on the tape, and floors have the size of the lists", () => {
  const memory = new DistanceMemory({ rows: 1, heads: 1, width: 1, size: 5, segment: 0 }, "float32", 2);
  const floats = (...numbers: number[]) => Float32Array.from(numbers);
  append(memory, 0, { keys: floats(1, 1, 1, 9, 9), rotated: floats(0, 0, 0, 8, 9), values: floats(0, 1, 2, 3, 4) });
  step(() => {
    const one = tensor([1], [1, 1, 1]);
    const { scores } = memory.lookup({ near: one, far: one, topk: 2, nearby: Int32Array.of(2) });
    assert.equal([...scores.toArray()], [9, 8]);
    const far = memory.pairs.lookupAbove(scores, one, 2, undefined, [2]);
    assert.equal([...far.scores.toArray()], [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    assertFiniteTape();
    assert.throws(() => memory.pairs.lookupAbove(one, one, 2), /floors\.size: got 1; it must be 2/);
  });
  memory.release();
});

test("slots are right however many pairs were ever appended", () => {
  const shape = { rows: 1, heads: 1, width: 1, size: 5, segment: 0 } as const;
  for (const appended of [8, 2 ** 31 + 1, 3 * 2 ** 30, 2 ** 40]) {
    const memory = new DistanceMemory(shape, "float32", 2);
    const old = { keys: Float32Array.of(1, 2, 3), values: Float32Array.of(1, 2, 3) };
    memory.pairs.restore(0, appended, old);
    const floats = Float32Array.of(10, 20);
    append(memory, 0, { keys: floats, rotated: floats, values: floats });
    step(() => {
      const one = tensor([1], [1, 1, 1]);
      const { slots } = memory.lookup({ near: one, far: one, topk: 4, nearby: Int32Array.of(2) });
      const serials = [...heap.i32(slots, 4)].map((slot) => memory.pairs.serial(0, slot) - appended);
      assert.equal(serials, [1, 0, -1, -2], `after ${appended}`);
    });
    memory.release();
  }
});
