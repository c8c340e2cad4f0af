/**
 * Kernels that pass over rows or whole vectors once: how close are they to the speed of a memory copy?
 */
import { gelu } from "../src/autodiff/ops/elementwise.ts";
import { l2Normalize, rmsNorm } from "../src/autodiff/ops/norm.ts";
import { crossEntropy } from "../src/autodiff/ops/vocabulary.ts";
import { backward, step } from "../src/autodiff/tape.ts";
import { parameter } from "../src/autodiff/tensor.ts";
import { adamW } from "../src/train/optimizers.ts";
import { uniform } from "./data.ts";
import type { Case, Family, Implementation, Problem, Task } from "./family.ts";
import { constantTensor, forwardTask, releaseAll, zeroGradients } from "./workspace.ts";

/** `bytes`: the least that must be read and written for each of the rows · width numbers. */
function passOver(op: string, rows: number, width: number, bytes: number, inputs: Case["inputs"]): Case {
  const amount = bytes * rows * width;
  const shape = rows === 1 ? `${op} ${width}` : `${op} ${rows}×${width}`;
  return { op, shape, sizes: { rows, width }, inputs, amount, unit: "GB/s", tolerance: 1e-4 };
}

const PARAMETERS = 3_200_000;

export const rows: Family = {
  name: "rows",
  question: "How close to the speed of a memory copy are the kernels that pass over rows once?",
  cases: [
    passOver("RMSNorm", 512, 1024, 8, [uniform(512 * 1024, 4), uniform(1024, 5)]),
    passOver("RMSNorm and its gradients", 512, 1024, 20, [
      uniform(512 * 1024, 4),
      uniform(1024, 5),
      uniform(512 * 1024, 6),
    ]),
    passOver("L2 norm", 4096, 64, 8, [uniform(4096 * 64, 7)]),
    passOver("GELU", 512, 4096, 8, [uniform(512 * 4096, 8)]),
    passOver("cross entropy", 512, 256, 4, [uniform(512 * 256, 9)]),
    passOver("Adam", 1, PARAMETERS, 28, [uniform(PARAMETERS, 10), uniform(PARAMETERS, 11)]),
  ],
  ours: { ours: (problem) => ours[problem.op](problem) },
  peers: ["tfjs-wasm", "onnxruntime-web", "jax-js", "torch", "torch-compile"],
};

const ours: Readonly<Record<string, Implementation>> = {
  RMSNorm: ({ sizes: { rows, width }, inputs }) => {
    const [x, scale] = [constantTensor(inputs[0], [rows, width]), constantTensor(inputs[1], [width])];
    return forwardTask([x, scale], () => rmsNorm(x, scale));
  },
  "RMSNorm and its gradients": rmsNormGradients,
  "L2 norm": ({ sizes: { rows, width }, inputs }) => {
    const x = constantTensor(inputs[0], [rows, width]);
    return forwardTask([x], () => l2Normalize(x, width));
  },
  GELU: ({ sizes: { rows, width }, inputs }) => {
    const x = constantTensor(inputs[0], [rows, width]);
    return forwardTask([x], () => gelu(x));
  },
  "cross entropy": ({ sizes: { rows, width }, inputs }) => {
    const logits = constantTensor(inputs[0], [rows, width]);
    const targets = Int32Array.from({ length: rows }, (_, i) => i % width);
    return forwardTask([logits], () => crossEntropy(logits, targets).loss);
  },
  Adam: adam,
};

/** The result is the gradient of the input. */
function rmsNormGradients({ sizes: { rows, width }, inputs: [x, scale, dy] }: Problem): Task {
  const parameters = [parameter([rows, width], x), parameter([width], scale)];
  const pass = () => {
    zeroGradients(parameters);
    step(() => backward(rmsNorm(parameters[0], parameters[1]), dy));
  };
  return {
    run: pass,
    output: () => parameters[0].grad!.toArray(),
    release: () => releaseAll(parameters),
  };
}

/** The result is the parameters after the first step. */
function adam({ sizes: { width }, inputs }: Problem): Task {
  const [values, gradients] = inputs.map((numbers) => constantTensor(numbers, [width]));
  const block = { group: "matrices", values, gradients, size: width, lrScale: 1, weightDecay: 0 } as const;
  const optimizer = adamW([block]);
  optimizer.step(1e-3);
  const stepped = values.toArray();
  return {
    run: () => optimizer.step(1e-3),
    output: () => stepped,
    release: () => releaseAll([optimizer, values, gradients]),
  };
}
