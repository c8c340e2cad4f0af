/**
 * Attention under a block mask, forward and backward: does it cost what it computes, however long the text is? A query sees its own
 * block, a window of blocks before it and the first block. Work is counted where the mask lets something through.
 */
import { extendContext } from "../src/autodiff/ops/attention.ts";
import { type QueryBlock, rangedAttention } from "../src/autodiff/ops/ranged.ts";
import { backward, step } from "../src/autodiff/tape.ts";
import { parameter, persistentTensor } from "../src/autodiff/tensor.ts";
import { uniform } from "./data.ts";
import type { Case, Family, Task } from "./family.ts";
import { constantTensor, releaseAll, zeroGradients } from "./workspace.ts";

const SIZES = { heads: 2, width: 64, block: 32, window: 4 };

/** What each block of queries sees. */
function maskOf(segment: number): QueryBlock[] {
  const { block, window } = SIZES;
  return Array.from({ length: segment / block }, (_, n) => {
    const from = Math.max(0, n - window) * block;
    const near = [from, (n + 1) * block] as const;
    return { queries: [n * block, (n + 1) * block], ranges: from > 0 ? [[0, block], near] : [near] };
  });
}

function caseOf(segment: number): Case {
  const { heads, width, block } = SIZES;
  const seen = (ranges: QueryBlock["ranges"]) => ranges.reduce((sum, [from, to]) => sum + to - from, 0);
  const pairs = maskOf(segment).reduce((sum, { ranges }) => sum + block * seen(ranges) - (block * (block - 1)) / 2, 0);
  return {
    op: "block mask and its gradients",
    shape: `${segment} tokens`,
    sizes: { segment, ...SIZES },
    inputs: [1, 2, 3, 4].map((seed) => uniform(segment * heads * width, seed)),
    // Two products forward and four backward, of two operations for each number of a pair.
    amount: 12 * heads * width * pairs,
    unit: "GFLOP/s",
    tolerance: 1e-4,
  };
}

export const masked: Family = {
  name: "masked",
  question: "Does attention under a block mask cost what it computes?",
  cases: [caseOf(512), caseOf(2048), { ...caseOf(8192), slow: true }],
  ours: { ours: ({ sizes: { segment }, inputs }) => maskedTask(segment, inputs) },
  peers: ["torch", "torch-compile"],
};

/** The result is the gradients of q, k and v. */
function maskedTask(segment: number, [q, k, v, dout]: readonly Float32Array[]): Task {
  const { heads, width } = SIZES;
  const shape = [1, segment, heads * width];
  const parameters = [q, k, v].map((values) => parameter(shape, values));
  const [keys, values, scale] = [
    persistentTensor(shape),
    persistentTensor(shape),
    constantTensor(new Float32Array(heads).fill(1), [heads]),
  ];
  const context = { keys, values, capacity: segment, past: 0, first: new Int32Array(1), window: Infinity };
  const mask = { rows: [maskOf(segment)] };
  const run = () => {
    zeroGradients(parameters);
    step(() => {
      const [Q, K, V] = parameters;
      extendContext(context, K, V);
      backward(rangedAttention(Q, K, V, scale, undefined, context, mask).out, dout);
    });
  };
  return {
    run,
    output: () => Float32Array.from(parameters.flatMap(({ grad }) => [...grad!.toArray()])),
    release: () => releaseAll([...parameters, keys, values, scale]),
  };
}
