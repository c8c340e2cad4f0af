/**
 * Generation, one token at a time, with a cache of the segment and with a memory. Here every op is too small to hide its
 * overhead. The model is the preset `small`; a run reads a segment of 512 given bytes, which takes the same work
 * as writing them, except for sampling.
 */
import { noGrad, step } from "../src/autodiff/tape.ts";
import { Transformer } from "../src/model/transformer.ts";
import type { Case, Family, Problem, Task } from "./family.ts";
import { configOf, loadParameters, parametersOf, sizesOf, smallModel, tokens } from "./model-cases.ts";

function generation(memory: number): Case {
  const config = smallModel(memory);
  const segments = memory / config.segment_length + 1;
  return {
    op: "generation",
    shape: memory === 0 ? "no memory" : `${memory.toLocaleString("en")} pairs`,
    sizes: sizesOf(config),
    inputs: [tokens(segments * config.segment_length), parametersOf(config)],
    amount: config.segment_length,
    unit: "tokens/s",
    tolerance: 1e-3,
  };
}

export const generate: Family = {
  name: "generate",
  question: "How many tokens per second does a small model write?",
  cases: [generation(0), generation(8192)],
  ours: { ours: oneByOne },
  peers: ["torch", "torch-compile"],
};

/** Reads all segments but the last in advance. The result is the logits after the last token of the first run. */
function oneByOne(problem: Problem): Task {
  const config = configOf(problem);
  const model = new Transformer(config);
  loadParameters(model, problem.inputs[1]);
  const state = model.newState({ rows: 1 });
  const ids = Int32Array.from(problem.inputs[0]);
  const read = (ids: Int32Array) => step(() => noGrad(() => model.forward({ ids }, state).toArray()));
  const last = ids.length - config.segment_length;
  for (let at = 0; at < last; at += config.segment_length) read(ids.subarray(at, at + config.segment_length));
  const run = () => {
    let logits: Float32Array = new Float32Array(0);
    for (let at = last; at < ids.length; at++) logits = read(ids.subarray(at, at + 1));
    return logits;
  };
  const first = run();
  return {
    run,
    output: () => first,
    release() {
      state.release();
      model.parameters.release();
    },
  };
}
