/**
 * A whole training step: forward, loss, backward, Adam. How much of the kernels' speed remains, and what does a full memory
 * add? The model is the preset `small`, one row of 512 bytes.
 */
import { crossEntropy } from "../src/autodiff/ops/vocabulary.ts";
import { backward, step as tapeStep } from "../src/autodiff/tape.ts";
import type { ModelConfig } from "../src/model/config.ts";
import type { ModelState } from "../src/model/state.ts";
import { Transformer } from "../src/model/transformer.ts";
import { adamW } from "../src/train/optimizers.ts";
import { unitVectors } from "./data.ts";
import type { Case, Family, Implementation, Problem, Task } from "./family.ts";
import { configOf, loadParameters, parametersOf, sizesOf, smallModel, tokens } from "./model-cases.ts";
import { Buffers } from "./workspace.ts";

const LEARNING_RATE = 1e-4;

function training(memory: number): Case {
  const config = smallModel(memory);
  return {
    op: "training step",
    shape: memory === 0 ? "no memory" : `${memory.toLocaleString("en")} pairs`,
    sizes: { ...sizesOf(config), learningRate: LEARNING_RATE },
    inputs: [tokens(config.segment_length + 1), parametersOf(config)],
    amount: config.segment_length,
    unit: "tokens/s",
    tolerance: 1e-3,
    slow: memory > 8192,
    only: memory === 0 ? ["ours", "torch", "torch-compile"] : ["ours", "ours-quantised"],
  };
}

export const step: Family = {
  name: "step",
  question: "How much of the kernels' speed remains in a training step, and what does a full memory add?",
  cases: [training(0), training(8192), training(65536), training(262144)],
  ours: { ours: trainingStepWith("exact"), "ours-quantised": trainingStepWith("quantised") },
  peers: ["torch", "torch-compile"],
};

/** A training step with a memory that is searched by `search`. */
function trainingStepWith(search: ModelConfig["memory_search"]): Implementation {
  return (problem) => trainingStep({ ...configOf(problem), memory_search: search }, problem.inputs);
}

/** The result is the losses of the first three steps. */
function trainingStep(config: ModelConfig, [text, parameters]: Problem["inputs"]): Task {
  const model = new Transformer(config);
  loadParameters(model, parameters);
  const state = model.newState({ rows: 1 });
  fillMemories(state, config);
  const ids = Int32Array.from(text);
  const optimizer = adamW(model.parameters.blocks.map((block) => ({ ...block, lrScale: 1, weightDecay: 0 })));
  const run = () => {
    model.parameters.zeroGradients();
    const nats = tapeStep(() => {
      const { loss } = crossEntropy(model.forward({ ids: ids.subarray(0, -1) }, state), ids.subarray(1));
      backward(loss);
      return loss.item();
    });
    optimizer.step(LEARNING_RATE);
    return nats;
  };
  const losses = Float32Array.from([run(), run(), run()]);
  return {
    run,
    output: () => losses,
    release() {
      optimizer.release();
      state.release();
      model.parameters.release();
    },
  };
}

/** Fills every memory with random keys: an exact search costs the same whatever it finds. */
function fillMemories(state: ModelState, config: ModelConfig): void {
  const { memory_size, num_attention_heads: heads, head_dim, segment_length } = config;
  const pairs = unitVectors(memory_size * heads, head_dim, 21)();
  const floats = segment_length * heads * head_dim;
  for (const memory of state.memories.values()) {
    for (let at = 0; at < pairs.length; at += floats) {
      const buffers = new Buffers();
      const segment = buffers.copyOf(pairs.subarray(at, at + floats));
      memory.append(0, segment, segment, segment_length);
      buffers.release();
    }
  }
}
