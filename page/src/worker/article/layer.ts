/** A look into the memory layer while the model reads one segment behind what it remembers. */
import {
  crossEntropy,
  type MemoryContents,
  type ModelState,
  type Retrieval,
  type Tensor,
} from "memorizing-transformer";
import type { Subject } from "./subject.ts";

/** A state that remembers the past, and in its memory layer perhaps other contents. */
export function stateOf({ model, remembered }: Subject, contents?: MemoryContents): ModelState {
  const state = model.newState({ rows: 1, memorySize: remembered.size });
  state.tokens?.restore(0, remembered.appended, remembered.sources!.columns.token);
  for (const [layer, memory] of state.memories) {
    memory.restore(0, remembered.appended, contents ?? remembered.layers.get(layer)!);
  }
  return state;
}

/** The queries of the memory layer for one segment, of unit length, [T, H, D]. Within a step. */
export function queriesOf(subject: Subject, ids: Int32Array): Float32Array {
  using state = stateOf(subject);
  let queries: Float32Array = new Float32Array();
  const observe = (_: number, retrieval: Retrieval) => {
    queries = retrieval.queries.toArray().map((each) => each / retrieval.sharpness[0]);
  };
  subject.model.hidden({ ids, observe }, state);
  return queries;
}

/** The mean loss of the tokens behind `ids`, a tensor of the step. */
export function lossOf(
  { model }: Subject,
  state: ModelState,
  ids: Int32Array,
  observe?: (layer: number, retrieval: Retrieval) => void,
): Tensor {
  return crossEntropy(model.forward({ ids: ids.subarray(0, -1), observe }, state), ids.subarray(1)).loss;
}

/** Stored numbers as floats; this model stores floats. */
export function asFloats(numbers: MemoryContents["keys"]): Float32Array {
  if (!(numbers instanceof Float32Array)) throw new Error("the article's memory holds floats");
  return numbers;
}
