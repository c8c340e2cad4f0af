/**
 * A layer of LSTM, whose tokens must wait for each other: what does it cost next to the same in torch? The product of the input with its
 * weight is a part of it, as it is in torch's layer.
 */
import { lstm } from "../src/autodiff/ops/lstm.ts";
import { linear } from "../src/autodiff/ops/matmul.ts";
import { backward, step } from "../src/autodiff/tape.ts";
import { parameter, persistentTensor } from "../src/autodiff/tensor.ts";
import { uniform } from "./data.ts";
import type { Case, Family, Problem, Task } from "./family.ts";
import { constantTensor, forwardTask, releaseAll, zeroGradients } from "./workspace.ts";

const WIDTH = 256;
/** Weights are small, so that gates stay open. */
const weights = (seed: number) => () => uniform(4 * WIDTH * WIDTH, seed)().map((x) => x / 16);

/** `products`: the products of a token with a weight [4C, C]; two forward, four more for the gradients. */
function caseOf(op: string, rows: number, tokens: number, products: number): Case {
  const numbers = rows * tokens * WIDTH;
  const gradients = products > 2 ? [uniform(numbers, 43)] : [];
  return {
    op,
    shape: `${op}, ${rows} × ${tokens} tokens`,
    sizes: { rows, tokens, width: WIDTH },
    inputs: [uniform(numbers, 40), weights(41), weights(42), ...gradients],
    amount: products * rows * tokens * 8 * WIDTH * WIDTH,
    unit: "GFLOP/s",
    tolerance: 1e-3,
  };
}

export const lstmFamily: Family = {
  name: "lstm",
  question: "What does an LSTM cost next to the same in torch?",
  cases: [caseOf("LSTM", 1, 128, 2), caseOf("LSTM", 16, 128, 2), caseOf("LSTM and its gradients", 16, 128, 6)],
  ours: { ours: (problem) => (problem.inputs.length > 3 ? gradients(problem) : forward(problem)) },
  peers: ["torch"],
};

function statesOf(rows: number) {
  const [hidden, cell, nextHidden, nextCell] = Array.from({ length: 4 }, () => persistentTensor([rows, WIDTH]));
  return { hidden, cell, nextHidden, nextCell };
}

function forward({ sizes: { rows, tokens, width }, inputs }: Problem): Task {
  const x = constantTensor(inputs[0], [rows, tokens, width]);
  const [input, recurrent] = inputs.slice(1).map((numbers) => constantTensor(numbers, [4 * width, width]));
  const states = statesOf(rows);
  const tensors = [x, input, recurrent, ...Object.values(states)];
  return forwardTask(tensors, () => lstm(linear(x, input), recurrent, states));
}

/** The result is the gradient of the input and of both weights. */
function gradients({ sizes: { rows, tokens, width }, inputs: [numbers, ofInput, ofState, dout] }: Problem): Task {
  const x = parameter([rows, tokens, width], numbers);
  const [input, recurrent] = [ofInput, ofState].map((weight) => parameter([4 * width, width], weight));
  const states = statesOf(rows);
  const leaves = [x, input, recurrent];
  return {
    run: () => {
      zeroGradients(leaves);
      step(() => backward(lstm(linear(x, input), recurrent, states), dout));
    },
    output: () => Float32Array.from(leaves.flatMap(({ grad }) => [...grad!.toArray()])),
    release: () => releaseAll([...leaves, ...Object.values(states)]),
  };
}
