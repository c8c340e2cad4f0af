/** How a training of a model that others trained begins, or goes on; and the options that only such a training has. */
import { InputError } from "../base/errors.ts";
import { type Document, tokenizeDocuments } from "../data/corpus.ts";
import { type LearningPart, learningParts } from "../families/offsets-file.ts";
import { type ForeignOptions, settingsOf } from "../families/open-foreign.ts";
import type { TrainedDecoder } from "../families/trained-decoder.ts";
import { openModelForTraining } from "../train/open-model.ts";
import { choiceOption, givenOf, integer, optionName, type Values } from "./arguments/options.ts";
import { UsageError } from "./arguments/usage.ts";
import { readingOptions } from "./models.ts";

const { window, neighbours, memoryLayers, memoryDtype } = readingOptions;

/** Options of `train` that mean something only with a model that others trained. */
export const foreignOptions = {
  only: choiceOption<LearningPart>(
    learningParts,
    "what learns of a model that others trained: offsets of its memories, the layers that have one, or everything",
  ),
  memory: integer("pairs that a head of such a model remembers [8192]", 0, 2 ** 24),
  segment: integer("tokens of a segment of such a model [256]", 1, 2 ** 16),
  window,
  neighbours,
  memoryLayers: {
    ...memoryLayers,
    about: "layers that have a memory, N:H in one kv head only [those that were trained, else calibrated, else all]",
  },
  memoryDtype: { ...memoryDtype, about: "how pairs are remembered [float32, or the model's own]" },
};

/** What was given for them. */
export type ForeignChoice = Values<typeof foreignOptions>;

/** @throws UsageError if one of them was given for a model of this program */
export function refuseForeignOptions(choice: ForeignChoice): void {
  const [given] = Object.keys(givenOf(choice));
  if (given === undefined) return;
  throw new UsageError(
    `${optionName(given)} is for a model that others trained, which --from names; for a model of this program see --set`,
  );
}

/** The model at `from` and its documents, with what the user should know of it. */
export function openForeign(from: string, { only, ...reading }: ForeignChoice, documents: () => readonly Document[]) {
  if (only === undefined) {
    throw new UsageError(
      `--from ${from} is a model that others trained; say with --only ${learningParts.join("|")} what is to learn`,
    );
  }
  const { model, tokenizer, notes } = openModelForTraining(from, only, settingsGiven(reading));
  const tokenized = tokenizeDocuments(documents(), tokenizer, { framed: model.framesTexts });
  return { model, documents: tokenized, tokenizer, notes };
}

function settingsGiven({ memory: memorySize, ...others }: Omit<ForeignChoice, "only">): ForeignOptions {
  return { ...others, memorySize };
}

/** Refuses options that are not those of the run in `out`, which cannot change. */
export function requireSameReading({ only, ...reading }: ForeignChoice, model: TrainedDecoder, out: string): void {
  const { architecture, learned, settings } = model;
  const given = givenOf(settingsGiven(reading));
  const wanted = settingsOf({ architecture, trained: { offsets: new Map(), learned, settings } }, given);
  const keys = Object.keys(settings) as (keyof typeof settings)[];
  const chosen = keys.filter((key) => key !== "sinkDistance"); // it follows from the window
  const other = chosen.find((key) => String(wanted[key]) !== String(settings[key]));
  if (other !== undefined || (only ?? learned) !== learned) {
    const [key, value] = other === undefined ? ["only", learned] : [other, settings[other]];
    throw new InputError(`the run in ${out} has ${key} ${value}; a resumed run keeps what learns and how it reads`);
  }
}
