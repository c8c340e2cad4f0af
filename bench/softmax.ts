/**
 * Softmax over rows: are the exponentials as cheap as the memory traffic? The cases are attention's short rows, many tiny rows,
 * and the long rows of a vocabulary, which leave the cache between passes.
 */
import { softmax as softmaxOp } from "../src/autodiff/ops/softmax.ts";
import { uniform } from "./data.ts";
import type { Case, Family } from "./family.ts";
import { constantTensor, forwardTask } from "./workspace.ts";

function rowsOf(rows: number, width: number): Case {
  return {
    op: "softmax",
    shape: `${rows}×${width}`,
    sizes: { rows, width },
    inputs: [uniform(rows * width, 3)],
    // Each number is read once and written once, at best.
    amount: 8 * rows * width,
    unit: "GB/s",
    tolerance: 1e-5,
  };
}

export const softmax: Family = {
  name: "softmax",
  question: "Are the exponentials as cheap as the memory traffic?",
  cases: [rowsOf(512, 512), rowsOf(4096, 32), { ...rowsOf(512, 32768), slow: true }],
  ours: {
    ours: ({ sizes: { rows, width }, inputs }) => {
      const x = constantTensor(inputs[0], [rows, width]);
      return forwardTask([x], () => softmaxOp(x));
    },
  },
  peers: ["tfjs-wasm", "onnxruntime-web", "jax-js", "torch", "torch-compile"],
};
