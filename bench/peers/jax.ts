/**
 * jax-js on its WebAssembly backend, compiled with `jit`; it lacks threads in Node.
 */
import { concatenated } from "../data.ts";
import type { Problem, Task } from "../family.ts";
import { serve } from "../serve.ts";
import { importPeer, peerVersion } from "./load.ts";

/** A jax-js array. A function consumes the arrays passed to it, except those passed by `ref`. */
interface JaxArray {
  readonly ref: JaxArray;
  data(): Promise<Float32Array>;
  add(other: JaxArray | number): JaxArray;
  mul(other: JaxArray): JaxArray;
  div(other: JaxArray): JaxArray;
  dispose(): void;
}

type JaxFunction = (...inputs: JaxArray[]) => JaxArray;
type JaxFunctions = (...inputs: JaxArray[]) => JaxArray[];

interface Jax {
  init(device: string): Promise<string[]>;
  defaultDevice(device: string): string;
  blockUntilReady(arrays: JaxArray[]): Promise<JaxArray[]>;
  jit(compute: JaxFunctions): JaxFunctions;
  grad(loss: JaxFunction, options: { argnums: number[] }): JaxFunctions;
  readonly nn: {
    softmax(x: JaxArray, axis: number): JaxArray;
    relu(x: JaxArray): JaxArray;
    gelu(x: JaxArray, options: { approximate: boolean }): JaxArray;
  };
  readonly numpy: {
    array(values: Float32Array, options: { shape: number[] }): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    mean(x: JaxArray, axis: number, options: { keepdims: boolean }): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    square(x: JaxArray): JaxArray;
    sum(x: JaxArray): JaxArray;
    swapaxes(x: JaxArray, first: number, second: number): JaxArray;
  };
}

const jax = await importPeer<Jax>("@jax-js/jax", "dist/index.js");
await jax.init("wasm");
jax.defaultDevice("wasm");
const np = jax.numpy;

function task(inputs: JaxArray[], compute: JaxFunctions): Task {
  const compiled = jax.jit(compute);
  let results: JaxArray[] = [];
  return {
    async run() {
      for (const array of results) array.dispose();
      results = await jax.blockUntilReady(compiled(...inputs.map((input) => input.ref)));
    },
    asynchronous: true,
    output: async () => concatenated(await Promise.all(results.map((array) => array.ref.data()))),
    release() {
      for (const array of [...inputs, ...results]) array.dispose();
    },
  };
}

function product({ op, sizes, inputs: [left, right] }: Problem): Task {
  const { batch, m, k, n } = sizes;
  const a = np.array(left, { shape: op === "Aᵀ·B" ? [batch, k, m] : [batch, m, k] });
  const b = np.array(right, { shape: op === "A·B" || op === "Aᵀ·B" ? [batch, k, n] : [batch, n, k] });
  const turned = (x: JaxArray) => np.swapaxes(x, 1, 2);
  if (op === "A·B") return task([a, b], (a, b) => [np.matmul(a, b)]);
  if (op === "Aᵀ·B") return task([a, b], (a, b) => [np.matmul(turned(a), b)]);
  return task([a, b], (a, b) => [np.matmul(a, turned(b))]);
}

/** Makes an op on rows; `compute` takes x [rows, width] and perhaps a scale [width]. */
function rowTask({ sizes: { rows, width }, inputs }: Problem, compute: JaxFunction): Task {
  const arrays = inputs.map((values, i) => np.array(values, { shape: i === 0 ? [rows, width] : [width] }));
  return task(arrays, (...all) => [compute(...all)]);
}

function rmsNorm(x: JaxArray, scale: JaxArray): JaxArray {
  const meanSquare = np.mean(np.square(x.ref), 1, { keepdims: true });
  return x.div(np.sqrt(meanSquare.add(1e-6))).mul(scale);
}

/** Uses weights as they are stored, [out][in]. */
function feedForward({ sizes: { rows, width, hidden }, inputs }: Problem): Task {
  const shapes = [[rows, width], [width], [hidden, width], [width, hidden], [rows, width]];
  const arrays = inputs.map((values, i) => np.array(values, { shape: shapes[i] }));
  const loss: JaxFunction = (x, scale, up, down, dy) => {
    const active = jax.nn.relu(np.matmul(rmsNorm(x.ref, scale), np.swapaxes(up, 0, 1)));
    return np.sum(x.add(np.matmul(active, np.swapaxes(down, 0, 1))).mul(dy));
  };
  return task(arrays, jax.grad(loss, { argnums: [0, 1, 2, 3] }));
}

await serve(peerVersion("@jax-js/jax"), (problem) => {
  if (problem.family === "matmul") return product(problem);
  if (problem.family === "ffn") return feedForward(problem);
  switch (problem.op) {
    case "softmax":
      return rowTask(problem, (x) => jax.nn.softmax(x, 1));
    case "RMSNorm":
      return rowTask(problem, rmsNorm);
    case "GELU":
      return rowTask(problem, (x) => jax.nn.gelu(x, { approximate: true }));
  }
  return undefined;
});
