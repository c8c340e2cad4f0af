/**
 * Products with packed weights: decoding, which reads every weight for one row, and prompts, which multiply many rows. How much of
 * the memory's bandwidth does decoding use, and how much faster than float weights are both?
 *
 * Shapes are SmolLM2-135M's. The last cases are all products of one of its tokens, and of a prompt without the head: tokens a
 * second of a model in which nothing else took time.
 */
import { linear } from "../src/autodiff/ops/matmul.ts";
import { noGrad, step } from "../src/autodiff/tape.ts";
import type { PersistentTensor, Tensor } from "../src/autodiff/tensor.ts";
import type { Releasable } from "../src/base/lifetime.ts";
import { sourceOfFloats } from "../src/weights/matrix-source.ts";
import { type PackedDtype, PackedMatrix } from "../src/weights/packed-matrix.ts";
import { uniform } from "./data.ts";
import type { Case, Family, Implementation, Problem, Task } from "./family.ts";
import { constantTensor, forwardTask, releaseAll } from "./workspace.ts";

type Dtype = PackedDtype | "f32";

/** Our implementations, and bytes of a weight in each. */
const DTYPES: Readonly<Record<string, readonly [dtype: Dtype, bytes: number]>> = {
  ours: ["int8", 36 / 32],
  "ours-int4": ["int4", 20 / 32],
  "ours-bf16": ["bf16", 2],
  "ours-f16": ["f16", 2],
  "ours-f32": ["f32", 4],
};

const LAYERS = 30;
/** Matrices [out, in] of a layer: q, k, v, o, gate, up, down. */
const LAYER: readonly (readonly [number, number])[] = [
  [576, 576],
  [192, 576],
  [192, 576],
  [576, 576],
  [1536, 576],
  [1536, 576],
  [576, 1536],
];
const HEAD = [49_152, 576] as const;
const WIDEST = 1536;

/** Numbers that all kinds keep nearly: sixteen levels, of which every block of 32 has both ends. */
function weights(outputs: number, inputs: number): Case["inputs"][number] {
  return () => {
    const level = (x: number, i: number) => (i % 32 < 2 ? (i % 32) * 15 : Math.floor(8 * x + 8));
    return uniform(outputs * inputs, 12)().map((x, i) => (level(x, i) - 7.5) / 8);
  };
}

function sizesOf(n: number, [outputs, inputs]: readonly [number, number]) {
  const shape = `${n} × ${inputs} → ${outputs}`;
  return { shape, sizes: { n, outputs, inputs }, inputs: [uniform(n * inputs, 13), weights(outputs, inputs)] };
}

/** One row: the rate is that of the bytes of weights that an implementation reads. */
function decoding(shape: readonly [number, number]): Case {
  const numbers = shape[0] * shape[1];
  const bytes = Object.entries(DTYPES).map(([impl, [, each]]) => [impl, each * numbers]);
  const amounts = Object.fromEntries(bytes);
  return { op: "product", ...sizesOf(1, shape), amount: amounts.ours, amounts, unit: "GB/s", tolerance: 0.05 };
}

function prompt(n: number, shape: readonly [number, number]): Case {
  const amount = 2 * n * shape[0] * shape[1];
  return { op: "product", ...sizesOf(n, shape), amount, unit: "GFLOP/s", tolerance: 0.05 };
}

/** All products of `n` tokens. */
function model(n: number, head: number, shape: string): Case {
  const inputs = [uniform(n * WIDEST, 14), weights(WIDEST, 576)];
  return { op: "model", shape, sizes: { n, head }, inputs, amount: n, unit: "tokens/s", tolerance: 0.05 };
}

export const packed: Family = {
  name: "packed",
  question:
    "How fast are products with weights in few bytes, and how much of the memory's bandwidth does decoding use?",
  cases: [
    ...[LAYER[0], LAYER[1], LAYER[4], LAYER[6], HEAD].map(decoding),
    ...[LAYER[0], LAYER[4], LAYER[6]].map((shape) => prompt(512, shape)),
    { ...prompt(2048, LAYER[4]), slow: true },
    model(1, 1, "a token: 30 layers and the head"),
    model(512, 0, "a prompt of 512: 30 layers"),
  ],
  ours: Object.fromEntries(Object.entries(DTYPES).map(([impl, [dtype]]) => [impl, implementation(dtype)])),
  peers: [],
};

function implementation(dtype: Dtype): Implementation {
  return (problem) => (problem.op === "model" ? modelTask(problem, dtype) : productTask(problem, dtype));
}

/** A matrix of either kind. */
interface Matrix extends Releasable {
  multiply(x: Tensor): Tensor;
}

function matrixOf(values: Float32Array, shape: readonly [number, number], dtype: Dtype): Matrix {
  if (dtype !== "f32") return new PackedMatrix(sourceOfFloats("w", values, shape), dtype);
  const tensor = constantTensor(values, shape);
  return { multiply: (x) => linear(x, tensor), release: () => tensor.release() };
}

function productTask({ sizes: { n, outputs, inputs }, inputs: [x, w] }: Problem, dtype: Dtype): Task {
  const matrix = matrixOf(w, [outputs, inputs], dtype);
  const rows = constantTensor(x, [n, inputs]);
  const task = forwardTask([rows], () => matrix.multiply(rows));
  return { ...task, release: () => releaseAll([rows, matrix]) };
}

/** Every matrix has memory of its own, as in a model. The result is that of the last product. */
function modelTask({ sizes: { n, head }, inputs: [x, w] }: Problem, dtype: Dtype): Task {
  const layers = Array.from({ length: LAYERS }, () => LAYER).flat();
  const matrices = layers.map(([outputs, inputs]) =>
    matrixOf(w.subarray(0, outputs * inputs), [outputs, inputs], dtype),
  );
  if (head > 0) matrices.push(matrixOf(repeated(w, HEAD[0] * HEAD[1]), HEAD, dtype));
  const rows = new Map<number, PersistentTensor>();
  for (const width of [576, WIDEST]) rows.set(width, constantTensor(x.subarray(0, n * width), [n, width]));
  const shapes = [...layers, HEAD];
  const multiply = (i: number) => matrices[i].multiply(rows.get(shapes[i][1])!);
  const run = () => {
    for (let i = 0; i < matrices.length; i++) step(() => void noGrad(() => multiply(i)));
  };
  return {
    run,
    output: () => step(() => noGrad(() => multiply(matrices.length - 1).toArray())),
    release: () => releaseAll([...matrices, ...rows.values()]),
  };
}

/** `length` numbers, `values` again and again. */
function repeated(values: Float32Array, length: number): Float32Array {
  const all = new Float32Array(length);
  for (let at = 0; at < length; at += values.length) all.set(values.subarray(0, length - at), at);
  return all;
}
