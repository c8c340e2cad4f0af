/**
 * Every op, at a size like those of a small model, next to its double-precision twin. Gradients are compared with central
 * differences through the twin. Bounds are about twice the measured errors of either build. report.ts prints the table;
 * numbers.test.ts enforces the bounds.
 */
import { attention, extendContext, positionBuckets } from "../../src/autodiff/ops/attention.ts";
import { blend } from "../../src/autodiff/ops/blend.ts";
import { add, dropout, gelu, relu, scale } from "../../src/autodiff/ops/elementwise.ts";
import { linear, matmul } from "../../src/autodiff/ops/matmul.ts";
import { l2Normalize, rmsNorm, smearKeys } from "../../src/autodiff/ops/norm.ts";
import { retrievedAttention } from "../../src/autodiff/ops/retrieved.ts";
import { softmax } from "../../src/autodiff/ops/softmax.ts";
import { crossEntropy, embedding } from "../../src/autodiff/ops/vocabulary.ts";
import { step } from "../../src/autodiff/tape.ts";
import { persistentTensor, type Tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { KvMemory } from "../../src/memory/memory.ts";
import { localAttention, memoryAttention } from "../oracle/attention.ts";

export interface NumbersCase {
  readonly op: string;
  /** Shapes of the inputs. */
  readonly shapes: readonly (readonly number[])[];
  run(...inputs: Tensor[]): Tensor;
  oracle(...inputs: Float64Array[]): Float64Array;
  /** Largest allowed errors, of the output and of the gradients, in units of the last place of the largest true value. */
  readonly bounds: readonly [output: number, gradient: number];
  /** Factor of the normally distributed inputs. Default: 1. */
  readonly spread?: number;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Applies `f` to each row of `width` numbers. */
function byRow(x: Float64Array, width: number, f: (row: Float64Array) => Float64Array): Float64Array {
  const y = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += width) y.set(f(x.subarray(at, at + width)), at);
  return y;
}

function softmaxOf(row: Float64Array): Float64Array {
  const most = row.reduce((a, b) => Math.max(a, b));
  const exponentials = row.map((x) => Math.exp(x - most));
  const sum = exponentials.reduce((a, b) => a + b);
  return exponentials.map((e) => e / sum);
}

/** Returns a [m, k] · b, where b is [k, n], or [n, k] if `transposed`. */
function product(a: Float64Array, b: Float64Array, [m, k, n]: number[], transposed: boolean): Float64Array {
  return Float64Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let d = 0; d < k; d++) sum += a[i * k + d] * (transposed ? b[j * k + d] : b[d * n + j]);
    return sum;
  });
}

function geluOf(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

function meanNats(logits: Float64Array, targets: Int32Array): Float64Array {
  const width = logits.length / targets.length;
  const nats = Array.from(targets, (target, i) => {
    const row = logits.subarray(i * width, (i + 1) * width);
    const most = row.reduce((a, b) => Math.max(a, b));
    return most + Math.log(row.reduce((sum, x) => sum + Math.exp(x - most), 0)) - row[target];
  });
  return Float64Array.of(nats.reduce((a, b) => a + b, 0) / targets.length);
}

const keptByDropout = step(() => dropout(persistentTensor([301]).fill(1), 0.25, 99).toArray());

/** One row of two heads of width 32: 40 tokens after a past of 24. */
const local = {
  ...{ rows: 1, heads: 2, width: 32, segment: 40, past: 24, window: 50, first: [3] },
  pastKeys: normals(24 * 64, 1, 0.2),
  pastValues: normals(24 * 64, 2),
};

function localContext() {
  const capacity = local.past + local.segment;
  const put = (values: Float32Array) => {
    const padded = new Float32Array(capacity * 64);
    padded.set(values);
    return persistentTensor([1, capacity, 64]).set(padded);
  };
  const { past, window } = local;
  const [keys, values] = [put(local.pastKeys), put(local.pastValues)];
  return { keys, values, capacity, past, first: Int32Array.from(local.first), window };
}

const context = localContext();

/** The pairs of a memory of one row: 300 of two heads of width 32. */
const stored = { keys: normals(300 * 64, 3, 0.2), values: normals(300 * 64, 4), length: 300 };
const memoryShape = { rows: 1, heads: 2, width: 32, segment: 9, topk: 16 };
const memory = filledMemory();

/** `stored` is [H, n, D]; a memory takes [n, H, D]. */
function filledMemory(): KvMemory {
  const memory = new KvMemory({ rows: 1, heads: 2, width: 32, size: 300, segment: 9 });
  memory.restore(0, 300, { keys: stored.keys, values: stored.values });
  return memory;
}

function normals(length: number, seed: number, spread = 1): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => spread * random.normal());
}

const preceding = {
  keys: persistentTensor([1, 66]),
  latest: persistentTensor([1, 66]),
  known: Int32Array.of(0),
};

const ids = Int32Array.from({ length: 50 }, (_, i) => (i * 7) % 13);
const targets = Int32Array.from({ length: 12 }, (_, i) => (i * 31) % 257);
const counts = Int32Array.of(4, 4);

export const cases: readonly NumbersCase[] = [
  {
    op: "add",
    shapes: [[301], [301]],
    run: add,
    oracle: (x, y) => x.map((value, i) => value + y[i]),
    bounds: [1, 1],
  },
  {
    op: "scale by 1/3",
    shapes: [[301]],
    run: (x) => scale(x, 1 / 3),
    oracle: (x) => x.map((value) => value / 3),
    bounds: [2, 2],
  },
  { op: "relu", shapes: [[301]], run: relu, oracle: (x) => x.map((value) => Math.max(0, value)), bounds: [0.5, 0.5] },
  { op: "gelu", shapes: [[301]], run: gelu, oracle: (x) => x.map(geluOf), spread: 2, bounds: [2, 14] },
  {
    op: "dropout, 1/4",
    shapes: [[301]],
    run: (x) => dropout(x, 0.25, 99),
    oracle: (x) => x.map((value, i) => (keptByDropout[i] === 0 ? 0 : value / 0.75)),
    bounds: [2, 2],
  },
  {
    op: "embedding",
    shapes: [[13, 33]],
    run: (table) => embedding(table, ids, [50]),
    oracle: (table) => Float64Array.from({ length: 50 * 33 }, (_, i) => table[ids[Math.floor(i / 33)] * 33 + (i % 33)]),
    bounds: [0.5, 2],
  },
  {
    op: "softmax",
    shapes: [[9, 129]],
    run: softmax,
    oracle: (x) => byRow(x, 129, softmaxOf),
    spread: 4,
    bounds: [6, 6],
  },
  {
    op: "cross entropy",
    shapes: [[12, 257]],
    run: (logits) => crossEntropy(logits, targets).loss,
    oracle: (logits) => meanNats(logits, targets),
    spread: 4,
    bounds: [2, 8],
  },
  {
    op: "matmul",
    shapes: [
      [17, 129],
      [129, 19],
    ],
    run: matmul,
    oracle: (a, b) => product(a, b, [17, 129, 19], false),
    bounds: [4, 4],
  },
  {
    op: "linear",
    shapes: [
      [9, 257],
      [11, 257],
    ],
    run: linear,
    oracle: (x, weight) => product(x, weight, [9, 257, 11], true),
    bounds: [10, 4],
  },
  {
    op: "rmsnorm",
    shapes: [[9, 129], [129]],
    run: (x, factors) => rmsNorm(x, factors),
    oracle: (x, factors) =>
      byRow(x, 129, (row) => {
        const size = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / 129 + 1e-6);
        return row.map((value, i) => (value / size) * factors[i]);
      }),
    bounds: [4, 4],
  },
  {
    op: "l2norm",
    shapes: [[9, 4 * 33]],
    run: (x) => l2Normalize(x, 33),
    oracle: (x) => byRow(x, 33, (row) => row.map((value) => value / Math.max(1e-6, Math.hypot(...row)))),
    bounds: [4, 4],
  },
  {
    op: "smeared keys",
    shapes: [[1, 40, 66], [2]],
    run: (k, alpha) => smearKeys(k, alpha, preceding),
    oracle: smeared,
    bounds: [2, 12],
  },
  {
    op: "attention",
    shapes: [[1, 40, 64], [1, 40, 64], [1, 40, 64], [2], [2, 32]],
    run: (q, k, v, scale, table) => {
      extendContext(context, k, v);
      return attention(q, k, v, scale, { table, buckets: positionBuckets(context.capacity) }, context).out;
    },
    oracle: (q, k, v, scale, table) => localAttention(local, q, k, v, scale, table).out,
    spread: 0.4,
    bounds: [8, 8],
  },
  {
    op: "attention, logsumexp",
    shapes: [[1, 40, 64], [1, 40, 64], [1, 40, 64], [2]],
    run: (q, k, v, scale) => {
      extendContext(context, k, v);
      return attention(q, k, v, scale, undefined, context).lse;
    },
    oracle: (q, k, v, scale) => localAttention(local, q, k, v, scale, new Float64Array()).lse,
    spread: 0.4,
    bounds: [4, 8],
  },
  {
    op: "memory lookup, exact",
    shapes: [[1, 9, 64]],
    run: (q) => memory.lookup(q, 16).scores,
    oracle: (q) => bestScores(q),
    bounds: [4, 0],
  },
  {
    op: "retrieved attention",
    shapes: [[1, 9, 64], [2]],
    run: (q, scale) => retrievedAttention(q, scale, memory.lookup(q, 16)).out,
    oracle: (q, scale) => memoryAttention(memoryShape, [stored], q, scale).out,
    bounds: [8, 40],
  },
  {
    op: "blend",
    shapes: [
      [2, 3, 66],
      [2, 3, 66],
      [2, 3, 2],
    ],
    run: (a, b, logit) => blend(a, b, logit, counts).out,
    oracle: (a, b, logit) => a.map((x, i) => x + sigmoid(logit[Math.floor(i / 33)]) * (b[i] - x)),
    bounds: [2, 4],
  },
];

/** Computes k' [40, 2·33]: keys mixed with their predecessors and normalised. The first key lacks a predecessor. */
function smeared(k: Float64Array, alpha: Float64Array): Float64Array {
  const mixed = k.map((value, i) => {
    const a = sigmoid(alpha[Math.floor(i / 33) % 2]);
    return a * value + (1 - a) * k[i - 66];
  });
  const normalised = byRow(mixed, 33, (row) => row.map((value) => value / Math.hypot(...row)));
  normalised.set(k.subarray(0, 66));
  return normalised;
}

/** Returns the 16 largest inner products of each query and head, in falling order. */
function bestScores(q: Float64Array): Float64Array {
  const best = new Float64Array(9 * 2 * 16);
  for (let at = 0; at < 9 * 2; at++) {
    const scores = Float64Array.from({ length: stored.length }, (_, pair) => {
      const key = ((at % 2) * stored.length + pair) * 32;
      let sum = 0;
      for (let d = 0; d < 32; d++) sum += q[at * 32 + d] * stored.keys[key + d];
      return sum;
    });
    best.set(scores.sort().reverse().subarray(0, 16), at * 16);
  }
  return best;
}
