/** The public functions of the engine, each run in a step of its own, forward and backward. */
import type { Random } from "../../src/base/random.ts";
import * as library from "../../src/index.ts";
import type { Call } from "./api-calls.ts";
import type { World } from "./api-world.ts";

type Op = (...args: never[]) => library.Tensor;

/** An op, with whose result the gradients of its inputs are computed. */
function op(name: string, args: (random: Random) => unknown[], run: Op): Call {
  return {
    name,
    args,
    run: (...given) =>
      library.step(() => {
        const y = run(...given);
        if (y.requiresGrad) library.backward(y, new Float32Array(y.size).fill(1));
        return y.size;
      }),
  };
}

/** An optimizer, which has made a step of a length that it can bear. */
function stepped(make: (...args: never[]) => library.Optimizer): Call["run"] {
  return (...args) => {
    const optimizer = make(...args);
    optimizer.step(1e-9);
    return optimizer;
  };
}

export function engineCalls({ model, trained, matrix, tall, vector, small, optimizer }: World): Call[] {
  const blocks = () => model.parameters.blocks.map((block) => ({ ...block, lrScale: 1, weightDecay: 0.1 }));
  const ids = Int32Array.of(0, 3, 1);
  const parameters = [{ name: "m", tensor: matrix, lrScale: 1 }];
  return [
    op("add", () => [matrix, matrix], library.add),
    op("scale", () => [matrix, 0.5], library.scale),
    op("relu", () => [matrix], library.relu),
    op("gelu", () => [matrix], library.gelu),
    op("dropout", () => [matrix, 0.5, 7], library.dropout),
    op("softmax", () => [matrix], library.softmax),
    op("rmsNorm", () => [matrix, vector, 1e-6], library.rmsNorm),
    op("l2Normalize", () => [matrix, 3], library.l2Normalize),
    op("linear", () => [matrix, matrix], library.linear),
    op("matmul", () => [matrix, tall], library.matmul),
    op("embedding", () => [matrix, ids, [3]], library.embedding),
    op(
      "crossEntropy",
      () => [matrix, new Int32Array(40).fill(5)],
      (...args) => library.crossEntropy(...(args as [never, never])).loss,
    ),
    op(
      "tensor",
      () => [
        [1, 2, 3, 4, 5, 6],
        [2, 3],
      ],
      library.tensor,
    ),
    {
      name: "backward",
      on: matrix,
      args: () => [new Float32Array(2400).fill(1)],
      run: (seed) => library.step(() => library.backward(library.relu(matrix), seed)),
    },
    { name: "step", args: () => [() => 1], run: library.step },
    { name: "noGrad", args: () => [() => 1], run: library.noGrad },
    {
      name: "parameter",
      args: () => [
        [2, 3],
        [1, 2, 3, 4, 5, 6],
      ],
      run: library.parameter,
    },
    { name: "Tensor.set", on: small, args: () => [[1, 2, 3]], run: (values) => small.set(values) },
    { name: "Tensor.fill", on: small, args: () => [2], run: (value) => small.fill(value) },
    { name: "adamW", on: model, args: () => [blocks(), { beta1: 0.5, eps: 1e-8 }], run: stepped(library.adamW) },
    { name: "adafactor", args: () => [parameters], run: stepped(library.adafactor) },
    { name: "clipGradients", on: trained, args: () => [trained.parameters.blocks, 1], run: library.clipGradients },
    { name: "Optimizer.step", on: optimizer, args: () => [1e-6], run: (lr) => optimizer.step(lr) },
    {
      name: "heap.allocate",
      args: () => [64],
      run: (bytes) => library.heap.release(library.heap.allocate(bytes)),
    },
  ];
}
