/**
 * TensorFlow.js on its WebAssembly backend (XNNPACK kernels), which lacks threads in Node.
 */
import type { Problem, Task } from "../family.ts";
import { serve } from "../serve.ts";
import { peerVersion, requirePeer } from "./load.ts";

interface TensorflowTensor {
  dataSync(): Float32Array;
  dispose(): void;
}

interface Tensorflow {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tensor(values: Float32Array, shape: number[]): TensorflowTensor;
  matMul(a: TensorflowTensor, b: TensorflowTensor, transposeA?: boolean, transposeB?: boolean): TensorflowTensor;
  transpose(x: TensorflowTensor): TensorflowTensor;
  softmax(x: TensorflowTensor): TensorflowTensor;
  mul(a: TensorflowTensor, b: TensorflowTensor): TensorflowTensor;
  add(a: TensorflowTensor, b: number): TensorflowTensor;
  square(x: TensorflowTensor): TensorflowTensor;
  mean(x: TensorflowTensor, axis: number, keepDimensions: boolean): TensorflowTensor;
  rsqrt(x: TensorflowTensor): TensorflowTensor;
  tidy<Result>(compute: () => Result): Result;
}

const tf = requirePeer<Tensorflow>("@tensorflow/tfjs-core");
requirePeer("@tensorflow/tfjs-backend-wasm");
await tf.setBackend("wasm");
await tf.ready();

/** Makes a task whose result is a new tensor each time; the latest one is kept. */
function task(inputs: TensorflowTensor[], compute: () => TensorflowTensor): Task {
  let result: TensorflowTensor | undefined;
  return {
    run() {
      result?.dispose();
      result = tf.tidy(compute);
    },
    output: () => result!.dataSync(),
    release() {
      for (const tensor of [...inputs, result!]) tensor.dispose();
    },
  };
}

function product({ op, sizes, inputs: [left, right] }: Problem): Task {
  const { batch, m, k, n } = sizes;
  const lead = batch === 1 ? [] : [batch];
  const a = tf.tensor(left, op === "Aᵀ·B" ? [...lead, k, m] : [...lead, m, k]);
  const b = tf.tensor(right, op === "A·B" || op === "Aᵀ·B" ? [...lead, k, n] : [...lead, n, k]);
  if (op === "x·Wᵀ") {
    // tfjs is slow with transposed weights; a program would store them the other way.
    const weights = tf.transpose(b);
    return task([a, b, weights], () => tf.matMul(a, weights));
  }
  return task([a, b], () => tf.matMul(a, b, op === "Aᵀ·B", op === "A·Bᵀ"));
}

function softmax({ sizes: { rows, width }, inputs: [x] }: Problem): Task {
  const logits = tf.tensor(x, [rows, width]);
  return task([logits], () => tf.softmax(logits));
}

function rmsNorm({ sizes: { rows, width }, inputs }: Problem): Task {
  const [x, scale] = [tf.tensor(inputs[0], [rows, width]), tf.tensor(inputs[1], [width])];
  return task([x, scale], () => {
    const factor = tf.rsqrt(tf.add(tf.mean(tf.square(x), 1, true), 1e-6));
    return tf.mul(tf.mul(x, factor), scale);
  });
}

await serve(peerVersion("@tensorflow/tfjs-backend-wasm"), (problem) => {
  if (problem.family === "matmul") return product(problem);
  if (problem.op === "softmax") return softmax(problem);
  if (problem.op === "RMSNorm") return rmsNorm(problem);
  return undefined;
});
