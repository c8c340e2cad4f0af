/**
 * Softmax over rows: are the exponentials as cheap as the memory they pass through? Attention's short rows, many tiny ones,
 * and a vocabulary's long ones, which leave the cache between the passes.
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
  question: "Are the exponentials as cheap as the memory they pass through?",
  cases: [rowsOf(512, 512), rowsOf(4096, 32), { ...rowsOf(512, 32768), slow: true }],
  ours: {
    ours: ({ sizes: { rows, width }, inputs }) => {
      const x = constantTensor(inputs[0], [rows, width]);
      return forwardTask([x], () => softmaxOp(x));
    },
  },
  peers: ["tfjs-wasm", "onnxruntime-web", "jax-js", "torch"],
};
