/**
 * A feed-forward block forward and backward, as a library user writes it: what do the tape and the small ops add to
 * the products? y = x + relu(RMSNorm(x) W1) W2 with the gradients of x, the norm's scale, W1 and W2.
 */
import { add } from "../src/autodiff/ops/elementwise.ts";
import { rmsNorm } from "../src/autodiff/ops/norm.ts";
import { backward, step } from "../src/autodiff/tape.ts";
import { parameter } from "../src/autodiff/tensor.ts";
import { feedForward } from "../src/model/transformer.ts";
import { concatenated, uniform } from "./data.ts";
import type { Family, Problem, Task } from "./family.ts";
import { releaseAll, zeroGradients } from "./workspace.ts";

const [ROWS, WIDTH, HIDDEN] = [512, 256, 1024];

export const ffn: Family = {
  name: "ffn",
  question: "What do the tape and the small ops add to the products of a feed-forward block?",
  cases: [
    {
      op: "forward and backward",
      shape: `${ROWS} tokens, ${WIDTH}→${HIDDEN}→${WIDTH}`,
      sizes: { rows: ROWS, width: WIDTH, hidden: HIDDEN },
      inputs: [
        uniform(ROWS * WIDTH, 12),
        uniform(WIDTH, 13),
        uniform(HIDDEN * WIDTH, 14),
        uniform(WIDTH * HIDDEN, 15),
        uniform(ROWS * WIDTH, 16),
      ],
      // Two products forward, four backward.
      amount: 6 * 2 * ROWS * WIDTH * HIDDEN,
      unit: "GFLOP/s",
      tolerance: 1e-4,
    },
  ],
  ours: { ours },
  peers: ["jax-js", "torch", "torch-compile"],
};

/** Inputs: x, scale, W1 as [F, C], W2 as [C, F], dy. The result is the gradients of the first four, one after the other. */
function ours({ sizes: { rows, width, hidden }, inputs }: Problem): Task {
  const shapes = [[rows, width], [width], [hidden, width], [width, hidden]];
  const parameters = shapes.map((shape, i) => parameter(shape, inputs[i]));
  const [x, scale, up, down] = parameters;
  return {
    run() {
      zeroGradients(parameters);
      step(() => backward(add(x, feedForward(rmsNorm(x, scale), { up, down }, "relu")), inputs[4]));
    },
    output: () => concatenated(parameters.map(({ grad }) => grad!.toArray())),
    release: () => releaseAll(parameters),
  };
}
