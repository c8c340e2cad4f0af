/**
 * Ops of mechanisms whose past is a state or a few cells: what do they cost next to the same in torch? The sizes are those of one layer of
 * four heads of 64.
 */
import { constantScale } from "../src/autodiff/ops/attention.ts";
import { randomFeatures } from "../src/autodiff/ops/features.ts";
import { intervalAttention } from "../src/autodiff/ops/interval-attention.ts";
import { linearAttention, type StateRule, stateColumns } from "../src/autodiff/ops/linear-attention.ts";
import { poolBlocks } from "../src/autodiff/ops/pool-blocks.ts";
import { backward, step } from "../src/autodiff/tape.ts";
import { parameter, persistentTensor, type Tensor } from "../src/autodiff/tensor.ts";
import { kernels } from "../src/wasm/runtime.ts";
import { uniform } from "./data.ts";
import type { Case, Family, Implementation, Input, Problem, Task } from "./family.ts";
import { constantTensor, forwardTask, releaseAll, zeroGradients } from "./workspace.ts";

const HEADS = 4;
const WIDTH = 64;
const CHANNELS = HEADS * WIDTH;
/** Added to denominators, which are at least as large. */
const EPS = 1;

/** Positive features, and values. */
function operands(tokens: number): Input[] {
  const positive = (seed: number) => () => uniform(tokens * CHANNELS, seed)().map((x) => 1.1 + x);
  return [positive(20), positive(21), uniform(tokens * CHANNELS, 22)];
}

/** `flops`: multiplications and additions for each token and head. */
function perToken(op: string, tokens: number, flops: number, inputs: readonly Input[], sizes = {}): Case {
  return {
    op,
    shape: `${op}, ${tokens} tokens`,
    sizes: { tokens, heads: HEADS, width: WIDTH, ...sizes },
    inputs,
    amount: tokens * HEADS * flops,
    unit: "GFLOP/s",
    tolerance: 1e-3,
  };
}

/** Half of each token's products with its chunk of 64, and four products with the state. */
const CHUNK_FLOPS = 64 * 2 * WIDTH;
const STATE_FLOPS = 2 * WIDTH * WIDTH;
const FORWARD = CHUNK_FLOPS + 2 * STATE_FLOPS;
const WITH_GRADIENTS = FORWARD + 2.5 * CHUNK_FLOPS + 4 * STATE_FLOPS;

export const linearFamily: Family = {
  name: "linear",
  question: "What do attention to a state and attention to cells cost next to the same in torch?",
  cases: [
    perToken("linear attention", 1024, FORWARD, operands(1024)),
    perToken("linear attention and its gradients", 1024, WITH_GRADIENTS, [
      ...operands(1024),
      uniform(1024 * CHANNELS, 23),
    ]),
    { ...perToken("delta rule", 1024, FORWARD, operands(1024)), only: ["ours"] },
    perToken("random features", 1024, 2 * WIDTH * 128, [uniform(1024 * CHANNELS, 24), uniform(128 * WIDTH, 25)], {
      features: 128,
    }),
    perToken(
      "cells",
      512,
      4 * WIDTH * 1024,
      [512, 1024, 1024].map((n, i) => uniform(n * CHANNELS, 26 + i)),
      {
        cells: 1024,
      },
    ),
    perToken("pooled blocks", 1024, 2 * WIDTH * 16, [uniform(1024 * CHANNELS, 29), uniform(16 * 64, 30)], {
      cells: 16,
      block: 64,
    }),
  ],
  ours: { ours: (problem) => ours[problem.op](problem) },
  peers: ["torch"],
};

const ours: Readonly<Record<string, Implementation>> = {
  "linear attention": (problem) => attend(problem, "sum"),
  "delta rule": (problem) => attend(problem, "delta"),
  "linear attention and its gradients": gradients,
  "random features": ({ sizes: { tokens, heads, width, features }, inputs }) => {
    const x = constantTensor(inputs[0], [1, tokens, heads * width]);
    const projection = constantTensor(inputs[1], [features, width]);
    return forwardTask([x, projection], () => randomFeatures(x, constantScale(heads, 1), projection));
  },
  cells: attendToCells,
  "pooled blocks": ({ sizes: { tokens, heads, width, cells, block }, inputs }) => {
    const x = constantTensor(inputs[0], [1, tokens, heads * width]);
    const weights = constantTensor(inputs[1], [cells, block]);
    const range = { first: 0, blocks: tokens / block };
    return forwardTask([x, weights], () => poolBlocks({ context: x, segment: x, past: 0 }, weights, range));
  },
};

function stateOf(heads: number, width: number, rule: StateRule) {
  const shape = [1, heads, width, stateColumns(width, rule)];
  return { before: persistentTensor(shape), after: persistentTensor(shape) };
}

/** The delta rule takes keys of length 1. */
function attend({ sizes: { tokens, heads, width }, inputs }: Problem, rule: StateRule): Task {
  const [q, k, v] = inputs.map((numbers) => constantTensor(numbers, [1, tokens, heads * width]));
  const lengths = persistentTensor([tokens * heads]);
  if (rule === "delta") kernels.l2norm_forward(k.ptr, lengths.ptr, k.ptr, width, 0, tokens * heads);
  const state = stateOf(heads, width, rule);
  const tensors = [q, k, v, lengths, state.before, state.after];
  return forwardTask(tensors, () => linearAttention(q, k, v, state, rule, EPS).out);
}

/** The result is the gradient of the queries, the keys and the values. */
function gradients({ sizes: { tokens, heads, width }, inputs: [q, k, v, dout] }: Problem): Task {
  const parameters = [q, k, v].map((numbers) => parameter([1, tokens, heads * width], numbers));
  const state = stateOf(heads, width, "sum");
  const pass = () => {
    zeroGradients(parameters);
    const [queries, keys, values]: Tensor[] = parameters;
    step(() => backward(linearAttention(queries, keys, values, state, "sum", EPS).out, dout));
  };
  return {
    run: pass,
    output: () => Float32Array.from(parameters.flatMap(({ grad }) => [...grad!.toArray()])),
    release: () => releaseAll([...parameters, state.before, state.after]),
  };
}

/** Each query sees the first half of the cells, and one more of the rest for each query before it. */
function attendToCells({ sizes: { tokens, heads, width, cells }, inputs }: Problem): Task {
  const q = constantTensor(inputs[0], [1, tokens, heads * width]);
  const [k, v] = inputs.slice(1).map((numbers) => constantTensor(numbers, [1, cells, heads * width]));
  const seen = Int32Array.from({ length: 2 * tokens }, (_, i) => (i % 2) * (cells / 2 + (i + 1) / 2));
  const before = { keys: k, values: v, past: 0, first: new Int32Array(1), seen };
  const scale = () => constantScale(heads, 1 / Math.sqrt(width));
  return forwardTask([q, k, v], () => intervalAttention(q, k, v, scale(), before).out);
}
