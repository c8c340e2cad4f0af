/** Causal linear attention against its recurrence, token by token in double precision: sums and the delta rule. */
import * as assert from "uvu/assert";
import {
  type LinearState,
  linearAttention,
  type StateRule,
  stateColumns,
} from "../../src/autodiff/ops/linear-attention.ts";
import { backward, step } from "../../src/autodiff/tape.ts";
import { parameter, persistentTensor, type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { kernels } from "../../src/wasm/runtime.ts";
import { assertClose, checkOp, checkThreads } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("linear attention");

interface Shape {
  readonly rows: number;
  readonly segment: number;
  readonly heads: number;
  /** F */
  readonly features: number;
  /** D */
  readonly width: number;
}

const EPS = 1e-3;

function stateOf({ rows, heads, features, width }: Shape, rule: StateRule, before?: ArrayLike<number>): LinearState {
  const shape = [rows, heads, features, stateColumns(width, rule)];
  const state = { before: persistentTensor(shape), after: persistentTensor(shape) };
  if (before) state.before.set(before);
  return state;
}

test("a small example, written out: with equal features, the answer is the mean of the values so far", () => {
  const state = stateOf({ rows: 1, segment: 3, heads: 1, features: 1, width: 1 }, "sum");
  step(() => {
    const [ones, v] = [tensor([1, 1, 1], [1, 3, 1]), tensor([2, 4, 9], [1, 3, 1])];
    const { out, lse } = linearAttention(ones, ones, v, state, "sum", 0);
    assertClose(out.toArray(), [2, 3, 5], 1e-6, "out");
    assertClose(lse.toArray(), [Math.log(1), Math.log(2), Math.log(3)], 1e-6, "lse");
  });
  assert.equal([...state.after.toArray()], [15, 3]);
});

test("the delta rule, written out: a key that returns replaces its value, and leaves those of other keys", () => {
  const state = stateOf({ rows: 1, segment: 4, heads: 1, features: 2, width: 1 }, "delta");
  step(() => {
    const [first, second] = [
      [1, 0],
      [0, 1],
    ];
    const k = tensor([first, second, first, second].flat(), [1, 4, 2]);
    const q = tensor([first, first, first, second].flat(), [1, 4, 2]);
    const { out } = linearAttention(q, k, tensor([5, 7, 6, 8], [1, 4, 1]), state, "delta", 0);
    assert.equal([...out.toArray()], [5, 5, 6, 8]);
  });
  assert.equal([...state.after.toArray()], [6, 8]);
});

/** The state of one head, [F, E], and what it returns for features. */
class PlainState {
  private readonly rows: number[][];

  constructor(values: ArrayLike<number>, features: number, columns: number) {
    this.rows = Array.from({ length: features }, (_, f) =>
      Array.from({ length: columns }, (_, e) => values[f * columns + e]),
    );
  }

  /** φ S. */
  read(phi: ArrayLike<number>): number[] {
    return this.rows[0].map((_, e) => this.rows.reduce((sum, row, f) => sum + phi[f] * row[e], 0));
  }

  /** S += φᵀ w. */
  write(phi: ArrayLike<number>, w: readonly number[]): void {
    for (const [f, row] of this.rows.entries()) for (const e of row.keys()) row[e] += phi[f] * w[e];
  }

  values(): number[] {
    return this.rows.flat();
  }
}

/** Returns out, lse and the states after the segment, by the recurrence. */
function recurrence(shape: Shape, rule: StateRule, before: ArrayLike<number>) {
  const { rows, segment, heads, features, width } = shape;
  const columns = stateColumns(width, rule);
  return (q: Float64Array, k: Float64Array, v: Float64Array) => {
    const out = new Float64Array(v.length);
    const lse = new Float64Array(rows * segment * heads);
    const after: number[] = [];
    for (let unit = 0; unit < rows * heads; unit++) {
      const size = features * columns;
      const state = new PlainState(Array.from(before).slice(unit * size, (unit + 1) * size), features, columns);
      for (let t = 0; t < segment; t++) {
        const at = (Math.floor(unit / heads) * segment + t) * heads + (unit % heads);
        const [query, key] = [q, k].map((x) => x.subarray(at * features, (at + 1) * features));
        const value = [...v.subarray(at * width, (at + 1) * width)];
        const known = state.read(key);
        state.write(key, rule === "sum" ? [...value, 1] : value.map((x, e) => x - known[e]));
        const answer = state.read(query);
        const denominator = rule === "sum" ? answer[width] + EPS : 1;
        lse[at] = Math.log(denominator);
        for (let e = 0; e < width; e++) out[at * width + e] = answer[e] / denominator;
      }
      after.push(...state.values());
    }
    return { out, lse, after };
  };
}

/** Positive features; by the delta rule, keys of length 1, where it is stable. */
function featuresFor(rule: StateRule, width: number) {
  return (random: Random, shape: number[], input: number) => {
    const numbers = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
    if (input === 2) return numbers;
    const positive = numbers.map((x) => 0.05 + Math.abs(x));
    if (rule === "sum") return positive;
    return positive.map((x, i) => x / Math.hypot(...positive.slice(i - (i % width), i - (i % width) + width)));
  };
}

const shapes: Shape[] = [
  { rows: 1, segment: 1, heads: 1, features: 1, width: 1 },
  { rows: 2, segment: 1, heads: 3, features: 5, width: 7 },
  { rows: 1, segment: 3, heads: 2, features: 4, width: 8 },
  { rows: 2, segment: 9, heads: 1, features: 7, width: 5 },
  { rows: 1, segment: 63, heads: 1, features: 3, width: 4 },
  { rows: 1, segment: 64, heads: 1, features: 9, width: 3 },
  { rows: 1, segment: 65, heads: 1, features: 2, width: 2 },
  { rows: 1, segment: 131, heads: 1, features: 3, width: 2 },
];

for (const rule of ["sum", "delta"] as const) {
  for (const shape of shapes) {
    const { rows, segment, heads, features, width } = shape;
    const title = `${rule}, ${rows} rows of ${segment} tokens, ${heads} heads of ${features} features and ${width}`;
    const random = new Random(9);
    const before = Float32Array.from({ length: rows * heads * features * stateColumns(width, rule) }, () =>
      Math.abs(random.normal()),
    );
    for (const part of rule === "sum" ? (["out", "lse"] as const) : (["out"] as const)) {
      test(`${part} and gradients match the recurrence: ${title}`, () => {
        const state = stateOf(shape, rule, before);
        checkOp({
          shapes: [
            [rows, segment, heads * features],
            [rows, segment, heads * features],
            [rows, segment, heads * width],
          ],
          op: (q: Tensor, k: Tensor, v: Tensor) => linearAttention(q, k, v, state, rule, EPS)[part],
          oracle: (q, k, v) => recurrence(shape, rule, before)(q, k, v)[part],
          values: featuresFor(rule, features),
          tolerance: 5e-5,
        });
      });
    }
  }
}

/** Shapes that need most of one of the rooms for packed operands: more features than a chunk has tokens, wider values, or both. */
const large: Shape[] = [
  { rows: 1, segment: 64, heads: 1, features: 70, width: 2 },
  { rows: 1, segment: 67, heads: 1, features: 2, width: 70 },
  { rows: 1, segment: 65, heads: 1, features: 67, width: 69 },
];

for (const rule of ["sum", "delta"] as const) {
  for (const shape of large) {
    const { segment, features, width } = shape;

    test(`${rule} with ${features} features and ${width} numbers of a value: out, and gradients at some places`, () => {
      const columns = stateColumns(width, rule);
      const random = new Random(5);
      const before = Float32Array.from({ length: features * columns }, () => 0.1 * Math.abs(random.normal()));
      const state = stateOf(shape, rule, before);
      const make = featuresFor(rule, features);
      const inputs = [features, features, width].map((w, i) => Float32Array.from(make(random, [segment, w], i)));
      const parameters = inputs.map((x) => parameter([1, segment, x.length / segment], x));
      for (const { grad } of parameters) grad?.fill(0);
      const weights = Float32Array.from({ length: segment * width }, () => random.normal());
      const exact = inputs.map((x) => Float64Array.from(x)) as [Float64Array, Float64Array, Float64Array];
      const oracle = () => recurrence(shape, rule, before)(...exact).out;
      step(() => {
        const [q, k, v]: Tensor[] = parameters;
        const { out } = linearAttention(q, k, v, state, rule, EPS);
        assertClose(out.toArray(), oracle(), 1e-4, "out");
        backward(out, weights);
      });
      const weighted = () => oracle().reduce((sum, y, i) => sum + y * weights[i], 0);
      for (const [i, x] of exact.entries()) {
        const places = Array.from({ length: 9 }, () => random.uint32() % x.length);
        const differences = places.map((at) => {
          const middle = x[at];
          const [above, below] = [1e-5, -1e-5].map((by) => {
            x[at] = middle + by;
            return weighted();
          });
          x[at] = middle;
          return (above - below) / 2e-5;
        });
        const gradients = parameters[i].grad?.toArray() ?? [];
        assertClose(
          places.map((at) => gradients[at]),
          differences,
          1e-3,
          `gradient of input ${i}`,
        );
      }
    });
  }
}

test("scratch space grows with the features, not with their square", () => {
  const bytes = (features: number, width: number) => kernels.linear_attention_scratch_bytes(features, width);
  assert.ok(bytes(8192, 64) < 8 * 2 ** 20, `8,192 features take ${bytes(8192, 64)} bytes`);
  assert.ok(bytes(8192, 64) < 2.1 * bytes(4096, 64));
});

/** Random inputs of a shape, and what the op makes of them in parts of these lengths. */
function inParts(shape: Shape, rule: StateRule, parts: readonly number[], change = -1): number[][] {
  const { rows, heads, features, width } = shape;
  const length = parts.reduce((sum, count) => sum + count, 0);
  const random = new Random(4);
  const make = featuresFor(rule, features);
  const [q, k, v] = [features, features, width].map((w, i) => make(random, [length, heads * w], i));
  for (const x of [q, k, v]) for (let i = (change * x.length) / length; change >= 0 && i < x.length; i++) x[i] *= -0.7;
  const state = stateOf(shape, rule);
  const out: number[] = [];
  let at = 0;
  for (const count of parts) {
    const take = (x: number[], w: number) => {
      const part = x.slice(at * heads * w, (at + count) * heads * w);
      return tensor(part, [rows, count, heads * w]);
    };
    step(() => {
      const [qs, ks, vs] = [take(q, features), take(k, features), take(v, width)];
      out.push(...linearAttention(qs, ks, vs, state, rule, EPS).out.toArray());
    });
    state.before.set(state.after.toArray());
    at += count;
  }
  return [out, [...state.after.toArray()]];
}

for (const rule of ["sum", "delta"] as const) {
  const shape = { rows: 1, segment: 0, heads: 2, features: 5, width: 3 };

  test(`a text read in parts gives the same answers and the same state: ${rule}`, () => {
    const whole = inParts(shape, rule, [150]);
    for (const parts of [Array<number>(150).fill(1), [64, 64, 22], [1, 100, 49]]) {
      for (const [i, found] of inParts(shape, rule, parts).entries()) assertClose(found, whole[i], 1e-5, `${parts}`);
    }
  });

  test(`later tokens change no bit of an earlier answer: ${rule}`, () => {
    const [expected] = inParts(shape, rule, [150]);
    for (const last of [0, 5, 62, 63, 64, 100]) {
      const [found] = inParts(shape, rule, [150], last + 1);
      const known = (last + 1) * 2 * 3;
      assert.equal(found.slice(0, known), expected.slice(0, known), `up to token ${last}`);
      assert.not.equal(found.slice(known), expected.slice(known));
    }
  });

  test(`one thread and two give the same bits: ${rule}`, async () => {
    const wide = { rows: 3, segment: 70, heads: 3, features: 6, width: 5 };
    await checkThreads({
      shapes: [6, 6, 5].map((width) => [3, 70, 3 * width]),
      values: featuresFor(rule, wide.features),
      op: (q, k, v) => {
        const state = stateOf(wide, rule);
        return [linearAttention(q, k, v, state, rule, EPS).out, state.after];
      },
    });
  });
}

test("states of another shape are refused", () => {
  const state = stateOf({ rows: 1, segment: 1, heads: 2, features: 3, width: 2 }, "sum");
  step(() => {
    const [k, v] = [tensor([1, 1, 1, 1, 1, 1], [1, 1, 6]), tensor([1, 1, 1, 1], [1, 1, 4])];
    const refused = /linearAttention: .* must be \[B, T, H·F\] twice, \[B, T, H·D\] and \[B, H, F, D\]/;
    assert.throws(() => linearAttention(k, k, v, state, "delta", 0), refused);
    assert.throws(() => linearAttention(v, k, v, state, "sum", 0), /q \[1,1,4\], k \[1,1,6\]/);
  });
});
