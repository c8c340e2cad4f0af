/**
 * onnxruntime-web on its WebAssembly backend. Both operands of a product are inputs, as in a training step, so it packs
 * them in every run, like the other libraries.
 */
import { transposed } from "../data.ts";
import type { Problem, Task } from "../family.ts";
import { serve, threads } from "../serve.ts";
import { importPeer, peerVersion } from "./load.ts";
import { type OnnxNode, onnxModel } from "./onnx-model.ts";

interface OnnxTensor {
  readonly data: Float32Array;
}

interface OnnxSession {
  run(feeds: Record<string, OnnxTensor>): Promise<Record<string, OnnxTensor>>;
  release(): Promise<void>;
}

interface OnnxRuntime {
  readonly env: { readonly wasm: { numThreads: number } };
  readonly Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => OnnxTensor;
  readonly InferenceSession: {
    create(model: Uint8Array, options: { executionProviders: string[] }): Promise<OnnxSession>;
  };
}

const ort = await importPeer<OnnxRuntime>("onnxruntime-web", "dist/ort.node.min.mjs");
ort.env.wasm.numThreads = threads;

async function task(node: OnnxNode, inputs: readonly Float32Array[]): Promise<Task> {
  const session = await ort.InferenceSession.create(onnxModel(node), { executionProviders: ["wasm"] });
  const feeds = Object.fromEntries(
    node.inputs.map(({ name, shape }, i) => [name, new ort.Tensor("float32", inputs[i], shape)]),
  );
  let result: Record<string, OnnxTensor>;
  return {
    async run() {
      result = await session.run(feeds);
    },
    asynchronous: true,
    output: () => result[node.output.name].data,
    release: () => void session.release(),
  };
}

function product({ op, sizes, inputs }: Problem): Promise<Task> {
  const { batch, m, k, n } = sizes;
  const lead = batch === 1 ? [] : [batch];
  const transA = op === "Aᵀ·B";
  const transB = op === "A·Bᵀ";
  const [a, b] = op === "x·Wᵀ" ? [inputs[0], transposed(inputs[1], n, k)] : inputs;
  return task(
    {
      op: transA || transB ? "FusedMatMul" : "MatMul",
      domain: transA || transB ? "com.microsoft" : "",
      attributes: transA || transB ? { transA: Number(transA), transB: Number(transB) } : {},
      inputs: [
        { name: "a", shape: transA ? [...lead, k, m] : [...lead, m, k] },
        { name: "b", shape: transB ? [...lead, n, k] : [...lead, k, n] },
      ],
      output: { name: "c", shape: [...lead, m, n] },
    },
    [a, b],
  );
}

/** Makes a node that takes x [rows, width] to y of the same shape, perhaps with a scale [width]. */
function rowTask(
  { sizes: { rows, width }, inputs }: Problem,
  op: string,
  domain: OnnxNode["domain"] = "",
  attributes: OnnxNode["attributes"] = {},
): Promise<Task> {
  const shape = [rows, width];
  const values = [
    { name: "x", shape },
    { name: "scale", shape: [width] },
  ];
  const node = { op, domain, attributes, inputs: values.slice(0, inputs.length), output: { name: "y", shape } };
  return task(node, inputs);
}

await serve(peerVersion("onnxruntime-web"), (problem) => {
  if (problem.family === "matmul") return product(problem);
  switch (problem.op) {
    case "softmax":
      return rowTask(problem, "Softmax");
    case "RMSNorm":
      return rowTask(problem, "SimplifiedLayerNormalization", "", { epsilon: 1e-6 });
    case "GELU":
      return rowTask(problem, "FastGelu", "com.microsoft");
  }
  return undefined;
});
