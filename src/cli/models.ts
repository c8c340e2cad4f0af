/** MODEL as commands that read with it take it: a model of any kind, and the options that say how it reads. */
import { type MemoryPlaces, parsePlaces } from "../families/memory-places.ts";
import type { ForeignOptions } from "../families/open-foreign.ts";
import { type WeightKind, weightKinds } from "../families/weight-kinds.ts";
import { readMemory } from "../memory/disk.ts";
import type { MemoryDtype } from "../memory/options.ts";
import { type MemorySnapshot, requireModel, requireSameShape } from "../memory/snapshot.ts";
import type { LanguageModel } from "../nn/language-model.ts";
import type { OpenedModel } from "../nn/opened-model.ts";
import { loadProgress, type ProgressLine } from "../report/progress.ts";
import { modelDirectory } from "../train/model-directory.ts";
import { isForeign, openModel } from "../train/open-model.ts";
import { choiceOption, integer, type Option, type Values } from "./arguments/options.ts";
import { setOption } from "./model-config.ts";

/** The text on MODEL in the `--help` of commands that take only models of this program. */
export const OWN_MODEL_HELP =
  "MODEL is a directory with config.json, model.safetensors and tokenizer.json, such as a checkpoint,\n" +
  "or the name of a model that comes along: reader-1m, reader-4m.";

/** The text on MODEL in the `--help` of commands that take any model. */
export const MODEL_HELP =
  `${OWN_MODEL_HELP} It may also be one that others trained, a\n` +
  "directory as transformers writes it (GPT-2, GPT-Neo, Pythia, Llama, Qwen 2 and 3, Gemma 3) or one\n" +
  ".gguf file (Llama, Qwen 2 and 3). Only those have a --window and --memory-layers that can be chosen.";

/** `all`, or layers and kv heads of layers. */
const memoryLayersOption: Option<MemoryPlaces | undefined> = {
  placeholder: "all|N,N:H,…",
  about:
    "layers that have a memory, N:H in one kv head only [those of a memory that is loaded, else what was calibrated, else all]",
  read(texts, name, command) {
    const given = texts.at(-1);
    return given === undefined ? undefined : parsePlaces(given, `${command}: ${name}`);
  },
};

/** How weights are kept. */
export const weightsOption = choiceOption<WeightKind>(
  weightKinds,
  `how the weights of a model that others trained are kept [${weightKinds[0]}: as in its files]`,
);

/** Options that say how a model reads. */
export const readingOptions = {
  window: integer("tokens before a segment of 256 that a token sees [512]", 0, 2 ** 24),
  neighbours: integer("remembered pairs that a head retrieves for a token [what was calibrated, else 32]", 1, 2 ** 16),
  memoryLayers: memoryLayersOption,
  memoryDtype: choiceOption<MemoryDtype>(
    ["float32", "float16"],
    "how pairs are remembered [that of --load, else the model's own, else float32]",
  ),
  weights: weightsOption,
  set: setOption,
};

/** A model that is to read, and the memory that it begins with. */
export interface ReadingModel extends OpenedModel {
  /** The memory of `--load`, which this model made. */
  readonly known: MemorySnapshot | undefined;
}

/**
 * Opens the model at `path`, and the memory in the file `load` if that is given. Without a word on layers, a model that others trained
 * has its memory in the heads of the file. Tells the user what is to be known of the model.
 */
export function openForReading(
  path: string,
  { memoryLayers: chosenPlaces, set: overrides, ...given }: Values<typeof readingOptions>,
  progress: ProgressLine,
  load: string | undefined,
): ReadingModel {
  const known = load === undefined ? undefined : readMemory(load);
  const { memoryDtype = dtypeIn(known) } = given;
  const others = { ...given, memoryDtype, onProgress: loadProgress(progress) };
  const chosen: ForeignOptions = isForeign(modelDirectory(path))
    ? { ...others, memoryLayers: chosenPlaces, restoredLayers: placesIn(known) }
    : { ...others, memoryLayers: ownPlaces(chosenPlaces) };
  const opened = openModel(path, { ...chosen, overrides });
  progress.pass();
  if (known !== undefined) {
    requireModel(known, opened.model.fingerprint());
    requireFit(known, opened.model);
  }
  for (const note of opened.notes) progress.note(note);
  return { ...opened, known };
}

/** A model of this program has a memory in all heads of its layers, so that "all" says nothing new. */
function ownPlaces(chosen: MemoryPlaces | undefined): MemoryPlaces | undefined {
  return chosen === "all" ? undefined : chosen;
}

/** How a memory's file has its pairs. */
function dtypeIn(known: MemorySnapshot | undefined): MemoryDtype | undefined {
  if (known === undefined) return undefined;
  return [...known.layers.values()].every(({ keys }) => keys instanceof Uint16Array) ? "float16" : "float32";
}

/** Refuses a memory that the model would not remember in: before work is spent on what comes first. */
function requireFit(known: MemorySnapshot, model: LanguageModel): void {
  const state = model.newState({ rows: 1, memorySize: 1 });
  try {
    requireSameShape(known, state);
  } finally {
    state.release();
  }
}

/** Where a memory's file remembers. */
function placesIn(known: MemorySnapshot | undefined): MemoryPlaces | undefined {
  if (known === undefined) return undefined;
  return [...known.layers.keys()].flatMap((layer): (number | readonly [number, number])[] => {
    return known.chosen?.get(layer)?.map((head) => [layer, head] as const) ?? [layer];
  });
}
