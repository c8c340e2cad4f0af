/**
 * Reading with a model that others trained: a prompt, of which every token sees all before it and the last one's logits are wanted; and
 * a document with a window and a memory, of which nothing is wanted but what the memory then holds.
 */
import { arena, Tensor } from "../src/autodiff/tensor.ts";
import type { Decoder } from "../src/families/decoder.ts";
import { allMemoryHeads, type ReadingSettings } from "../src/families/reading-settings.ts";
import type { Case, Family, Problem, Task } from "./family.ts";
import { MODEL_PEERS, meanLosses, ourForms, pass, readingWork, textOf } from "./foreign-model.ts";

/** Tokens of a prompt that are computed together. */
const PIECE = 512;
/** Tokens of a segment of a document; documents are whole segments. */
const SEGMENT = 256;
/** Pairs that a head remembers of a document. */
const MEMORY = 32_768;

/** Heads that remember, as sizes of a case name them. */
const HEADS = { none: 0, calibrated: 1, all: 2 } as const;

function prompt(tokens: number, slow: boolean): Case {
  return {
    op: "prompt",
    shape: `a prompt of ${tokens.toLocaleString("en")}`,
    sizes: { tokens },
    inputs: [textOf(tokens + 1)],
    amount: tokens,
    works: readingWork(tokens),
    unit: "tokens/s",
    tolerance: 0.02,
    slow,
  };
}

/** Only our own implementations have a memory. */
function document(tokens: number, heads: keyof typeof HEADS, slow: boolean): Case {
  const memory = { none: "no memory", calibrated: "memory in the calibrated heads", all: "memory in all heads" }[heads];
  return {
    op: "document",
    shape: `a document of ${tokens.toLocaleString("en")}, ${memory}`,
    sizes: { tokens, heads: HEADS[heads] },
    inputs: [textOf(tokens + 1)],
    amount: tokens,
    unit: "tokens/s",
    tolerance: 0.02,
    slow,
    only: slow ? ["ours"] : ["ours-f32", "ours"],
  };
}

export const read: Family = {
  name: "read",
  question: "How many tokens a second does a model of 135 M weights read, and what does its memory add?",
  usesModel: true,
  get cases() {
    const documents = (tokens: number, slow: boolean) => [
      document(tokens, "none", slow),
      document(tokens, "calibrated", slow),
      document(tokens, "all", slow),
    ];
    return [prompt(512, false), prompt(2048, true), ...documents(1024, false), ...documents(8192, true)];
  },
  ours: ourForms((model, problem) => (problem.op === "prompt" ? promptTask : documentTask)(model, problem)),
  peers: MODEL_PEERS,
};

/** Every token sees all before it. */
function promptTask(model: Decoder, { sizes: { tokens }, inputs: [text] }: Problem): Task {
  const ids = Int32Array.from(text);
  const state = model.newState({ rows: 1, segment: PIECE, window: tokens, sinks: 0, memorySize: 0 });
  const run = () => {
    for (let from = 0; from < tokens; from += PIECE) {
      const place = { ids, from, to: Math.min(from + PIECE, tokens) };
      const isLast = place.to === tokens;
      pass(
        place,
        (input) => model.hidden(input, state),
        (x) => (isLast ? model.logits(lastRow(x)).toArray() : undefined),
      );
    }
  };
  return { run, output: () => meanLosses(model, state, ids, PIECE), release: () => state.release() };
}

/** x [1, n, C] → [1, 1, C]. */
function lastRow({ ptr, shape: [, count, width] }: Tensor): Tensor {
  return new Tensor(ptr + 4 * (count - 1) * width, [1, 1, width], arena.epoch);
}

function documentTask(model: Decoder, { sizes: { tokens, heads }, inputs: [text] }: Problem): Task {
  const ids = Int32Array.from(text);
  const state = model.newState({ rows: 1, ...settingsOf(model, heads) });
  const run = () => {
    for (let from = 0; from < tokens; from += SEGMENT) {
      const place = { ids, from, to: Math.min(from + SEGMENT, tokens) };
      pass(
        place,
        (input) => model.hidden(input, state),
        () => {},
      );
    }
  };
  return { run, output: () => meanLosses(model, state, ids, SEGMENT), release: () => state.release() };
}

/** The model's own settings are those of its calibration. */
function settingsOf({ architecture }: Decoder, heads: number): Partial<ReadingSettings> {
  if (heads === HEADS.none) return { segment: SEGMENT, memorySize: 0 };
  return {
    segment: SEGMENT,
    memorySize: MEMORY,
    ...(heads === HEADS.all && { memoryHeads: allMemoryHeads(architecture) }),
  };
}
