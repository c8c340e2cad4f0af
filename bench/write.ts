/**
 * Writing with a model that others trained, one token after the other from an empty context: how many tokens a second, and how much
 * of the memory's bandwidth is that? Every token reads all weights once. The tokens are given, which takes the same work as
 * drawing them from the logits, except for the drawing.
 */
import type { Decoder } from "../src/families/decoder.ts";
import type { Case, Family, Problem, Task } from "./family.ts";
import { MODEL_PEERS, meanLosses, ourForms, pass, textOf, writingWork } from "./foreign-model.ts";

function writing(tokens: number, slow: boolean): Case {
  return {
    op: "write",
    shape: `${tokens} tokens`,
    sizes: { tokens },
    inputs: [textOf(tokens + 1)],
    amount: tokens,
    works: writingWork(tokens),
    unit: "tokens/s",
    tolerance: 0.02,
    slow,
  };
}

export const write: Family = {
  name: "write",
  question:
    "How many tokens a second does a model of 135 M weights write, and how much of the memory's bandwidth is that?",
  usesModel: true,
  get cases() {
    return [writing(32, false), writing(128, true)];
  },
  ours: ourForms(tokenByToken),
  peers: MODEL_PEERS,
};

function tokenByToken(model: Decoder, { sizes: { tokens }, inputs: [text] }: Problem): Task {
  const ids = Int32Array.from(text);
  const state = model.newState({ rows: 1, segment: tokens, window: 0, sinks: 0, memorySize: 0 });
  const run = () => {
    for (let from = 0; from < tokens; from++) {
      const place = { ids, from, to: from + 1 };
      pass(
        place,
        (input) => model.forward(input, state),
        (logits) => logits.toArray(),
      );
    }
  };
  return { run, output: () => meanLosses(model, state, ids, 1), release: () => state.release() };
}
