/**
 * Parts shared by the benchmarks of a model that others trained, SmolLM2-135M-Instruct from its GGUF file: how it is opened, the text
 * that it reads, what the machine has to do at least, and how results are compared.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crossEntropy } from "../src/autodiff/ops/vocabulary.ts";
import { noGrad, step } from "../src/autodiff/tape.ts";
import type { Tensor } from "../src/autodiff/tensor.ts";
import type { Decoder } from "../src/families/decoder.ts";
import type { DecoderState } from "../src/families/decoder-state.ts";
import type { ForeignModel } from "../src/families/foreign-model.ts";
import { tokenizerOf } from "../src/families/foreign-tokenizer.ts";
import { loadForeign } from "../src/families/load-foreign.ts";
import { parsePlaces } from "../src/families/memory-places.ts";
import { type ForeignOptions, openDecoder } from "../src/families/open-foreign.ts";
import { keptForm, type WeightKind } from "../src/families/weight-kinds.ts";
import type { Case, Implementation, Input, Problem, Task, Work } from "./family.ts";
import { modelFile, root } from "./places.ts";
import { firstCounted, stretchMeans } from "./stretches.ts";

/** Our implementations by the form of the weights. The first is the reference: it rounds nothing. */
const WEIGHTS = {
  "ours-f32": "float32",
  ours: "int8",
  "ours-int4": "int4",
  "ours-bf16": "bfloat16",
} as const satisfies Readonly<Record<string, WeightKind>>;

/** Peers on the same file, with its weights as they are. */
export const MODEL_PEERS = ["llama.cpp"];

/** Texts that are read, in this order. */
const TEXTS = ["ALGORITHM.md", "ARCHITECTURE.md", "RELIABILITY.md", "docs/experiments.md"];

/** Opens the file's headers. */
function foreign(): ForeignModel {
  return loadForeign(modelFile);
}

/** The file's model and tokenizer, with weights as they are. `memoryLayers` as the command line takes it. */
export function openBenchModel({
  memoryLayers,
  ...options
}: Omit<ForeignOptions, "memoryLayers"> & { readonly memoryLayers?: string }) {
  const places = memoryLayers === undefined ? undefined : parsePlaces(memoryLayers, "--memory-layers");
  return openDecoder(foreign(), { ...options, memoryLayers: places });
}

/** The first `count` tokens of the texts, as floats. */
export function textOf(count: number): Input {
  return () => {
    const text = TEXTS.map((file) => readFileSync(join(root, file), "utf8")).join("\n");
    const ids = tokenizerOf(foreign()).encode(text);
    if (ids.length < count) throw new Error(`the texts have ${ids.length} tokens, but ${count} are wanted`);
    return Float32Array.from(ids.subarray(0, count));
  };
}

/** The work that `workOf` says, for every implementation of ours and each peer. */
function works(workOf: (model: ForeignModel, kind: WeightKind) => Work): Case["works"] {
  const model = foreign();
  const kinds = { ...WEIGHTS, "llama.cpp": "stored" } as const;
  return Object.fromEntries(Object.entries(kinds).map(([impl, kind]) => [impl, workOf(model, kind)]));
}

/** Writing `tokens` tokens reads every matrix once a token. */
export function writingWork(tokens: number): Case["works"] {
  return works(({ architecture, parameters }, kind) => {
    const read = [...parameters].filter(([name]) => architecture.tiedHead || !name.startsWith("embed."));
    return { bytes: tokens * read.reduce((sum, [name, stored]) => sum + keptForm(name, stored, kind).bytes, 0) };
  });
}

/**
 * Reading `tokens` tokens multiplies each by every matrix but the head, and each query by the keys and values before it. Matrices of
 * whole numbers are multiplied as such, everything else as floats.
 */
export function readingWork(tokens: number): Case["works"] {
  return works(({ architecture: { layers, heads, headWidth }, parameters }, kind) => {
    const work = { floats: 2 * layers * heads * headWidth * tokens * (tokens + 1), integers: 0 };
    for (const [name, stored] of parameters) {
      const [rows, columns = 0] = stored.shape;
      const { form } = keptForm(name, stored, kind);
      if (name.startsWith("layers."))
        work[form.startsWith("int") ? "integers" : "floats"] += 2 * tokens * rows * columns;
    }
    return work;
  });
}

/** An implementation for every form of the weights. */
export function ourForms(solve: (model: Decoder, problem: Problem) => Task): Readonly<Record<string, Implementation>> {
  const opened = (kind: WeightKind) => (problem: Problem) => {
    const { model } = openDecoder(foreign(), { weights: kind });
    const task = solve(model, problem);
    const release = () => {
      task.release?.();
      model.release();
    };
    return { ...task, release };
  };
  return Object.fromEntries(Object.entries(WEIGHTS).map(([impl, kind]) => [impl, opened(kind)]));
}

/** Passes tokens from `from` to `to` of a text that begins at 0, and returns what `use` makes of the logits or the residual stream. */
export function pass<Result>(
  { ids, from, to }: { ids: Int32Array; from: number; to: number },
  forward: (input: { ids: Int32Array; starts: number[] }) => Tensor,
  use: (out: Tensor) => Result,
): Result {
  return step(() => noGrad(() => use(forward({ ids: ids.subarray(from, to), starts: [from === 0 ? 1 : 0] }))));
}

/** Mean losses of stretches of a text's end, the tokens of a piece together: what all implementations must agree on. */
export function meanLosses(model: Decoder, state: DecoderState, ids: Int32Array, piece: number): Float32Array {
  const losses = new Float32Array(ids.length - 1);
  for (let from = 0; from < losses.length; from += piece) {
    const to = Math.min(from + piece, losses.length);
    const nats = (logits: Tensor) => crossEntropy(logits, ids.subarray(from + 1, to + 1)).nats.toArray();
    losses.set(
      pass({ ids, from, to }, (input) => model.forward(input, state), nats),
      from,
    );
  }
  return stretchMeans(losses.subarray(firstCounted(losses.length)));
}
