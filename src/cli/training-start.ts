/** How a training run begins: afresh, or from the newest whole checkpoint in its directory. Nothing is written here. */

import { InputError } from "../base/errors.ts";
import { type Document, type TokenizedDocument, tokenizeDocuments } from "../data/corpus.ts";
import { TrainedDecoder } from "../families/trained-decoder.ts";
import { readJson } from "../formats/json-file.ts";
import { preset } from "../model/presets.ts";
import { Transformer } from "../model/transformer.ts";
import type { TrainableModel } from "../nn/language-model.ts";
import { byteTokenizer, type Tokenizer, tokenizerFromJson } from "../text/tokenizer.ts";
import { requireTrainingRoom } from "../train/bytes.ts";
import { loadModel } from "../train/checkpoint.ts";
import { inheritingModel } from "../train/inherit.ts";
import { modelDirectory } from "../train/model-directory.ts";
import { isForeign } from "../train/open-model.ts";
import type { TrainingOptions } from "../train/options.ts";
import { type FoundCheckpoint, holdsRun, newestAnyCheckpoint } from "../train/run-directory.ts";
import { OuterTrainer } from "../train/together/outer-trainer.ts";
import type { RoundOptions } from "../train/together/round-options.ts";
import { Trainer } from "../train/trainer.ts";
import { UsageError } from "./arguments/usage.ts";
import { type ClusterChoice, gradientsOf, requireSameSync, roundsOf, type Trained } from "./cluster-training.ts";
import { type ForeignChoice, openForeign, refuseForeignOptions, requireSameReading } from "./foreign-training.ts";
import { type ConfigChoice, chosenConfig, DEFAULT_PRESET, requireSameConfig } from "./model-config.ts";

export interface RunChoice extends ConfigChoice {
  /** Reads the training documents. */
  readonly documents: () => readonly Document[];
  /** Directory of the run. */
  readonly out: string;
  /** A tokenizer.json. */
  readonly tokenizer?: string;
  /** Directory of a model whose weights, tokenizer and configuration the run begins with. */
  readonly from?: string;
  /** What learns of a model that others trained, and how it reads. */
  readonly foreign: ForeignChoice;
  /** Other machines, and how rows are put together. */
  readonly together: ClusterChoice;
}

export interface Run extends Trained {
  readonly tokenizer: Tokenizer;
  /** Notes for the user on the model, and on how the run begins. */
  readonly notes?: readonly string[];
}

/** @throws InputError if there is a checkpoint already, which would be lost */
export function beginRun(choice: RunChoice, given: Partial<TrainingOptions>): Run {
  const { out, tokenizer: path, from, together } = choice;
  if (holdsRun(out)) {
    throw new InputError(`${out} holds a model already; give --resume to go on with it, or another --out`);
  }
  const options = { ...given, ...gradientsOf(together) };
  if (from !== undefined) return beginFrom(from, choice, options);
  refuseForeignOptions(choice.foreign);
  const tokenizer = path === undefined ? byteTokenizer() : tokenizerAt(path);
  const vocabulary = { size: tokenizer.vocabSize, source: path ?? "the byte tokenizer (there is no --tokenizer)" };
  const config = chosenConfig(choice, preset(DEFAULT_PRESET), vocabulary);
  requireTrainingRoom(config, options);
  const documents = tokenizeDocuments(choice.documents(), tokenizer);
  const model = new Transformer(config, options.seed);
  return { trainer: trainerOf(model, documents, options, roundsOf(together)), documents, tokenizer };
}

/** A run whose model inherits from the one in `from`; keys that its weights do not depend on may be others. */
function beginFrom(from: string, choice: RunChoice, options: Partial<TrainingOptions>): Run {
  const { preset, config: file, tokenizer: path, together } = choice;
  const surplus = Object.entries({ "--preset": preset, "--config": file, "--tokenizer": path }).find(
    ([, given]) => given,
  );
  if (surplus !== undefined) throw new UsageError(`--from ${from} has what ${surplus[0]} would say; leave it out`);
  if (isForeign(modelDirectory(from))) {
    if (together.cluster !== undefined) {
      throw new UsageError(
        `--from ${from} is a model that others trained, and those are trained on one machine; leave out --cluster`,
      );
    }
    if (choice.set.length === 0) {
      const { model, documents, ...others } = openForeign(from, choice.foreign, choice.documents);
      return { trainer: trainerOf(model, documents, options, roundsOf(together)), documents, ...others };
    }
    throw new UsageError(
      `--from ${from} has no keys of this program's configuration, so ${choice.set[0]} means nothing`,
    );
  }
  const { model: source, tokenizer } = loadModel(from); // first, so that a directory without a model is told so
  refuseForeignOptions(choice.foreign);
  const vocabulary = { size: tokenizer.vocabSize, source: `${from}/tokenizer.json` };
  const config = chosenConfig(choice, source.config, vocabulary);
  requireTrainingRoom(config, options);
  const documents = tokenizeDocuments(choice.documents(), tokenizer);
  const model = inheritingModel(source, config, options.seed ?? 0, from);
  source.parameters.release();
  return { trainer: trainerOf(model, documents, options, roundsOf(together)), documents, tokenizer };
}

function trainerOf(
  model: TrainableModel,
  documents: readonly TokenizedDocument[],
  options: Partial<TrainingOptions>,
  rounds: RoundOptions | undefined,
): Trainer | OuterTrainer {
  return rounds === undefined
    ? new Trainer(model, documents, options)
    : new OuterTrainer(model, documents, options, rounds);
}

/** Goes on where the run in `out` was saved. Options that are not given are as they were; the model cannot change. */
export function resumeRun(choice: RunChoice, options: Partial<TrainingOptions>): Run {
  const { out, tokenizer: path, from } = choice;
  if (from !== undefined)
    throw new UsageError(`--from ${from} begins a run and --resume continues one; give one of them`);
  const found = newestAnyCheckpoint(out);
  const { model, tokenizer, record, tensors, directory, refusals } = found;
  if (path !== undefined && JSON.stringify(tokenizerAt(path).toJSON()) !== JSON.stringify(tokenizer.toJSON())) {
    throw new InputError(`${path} is not the tokenizer of the run in ${out}; a resumed run keeps its tokenizer`);
  }
  requireSameModel(choice, found);
  requireSameSync(choice.together, record.options, record.rounds?.options, out);
  requireSameCourse(options, record.options, out);
  const documents = tokenizeDocuments(choice.documents(), tokenizer, { framed: model.framesTexts });
  const trainer = trainerOf(model, documents, { ...record.options, ...options }, record.rounds?.options);
  trainer.load(record, tensors);
  const notes = refusals.length > 0 ? [`warning: ${refusals.join("; ")}; going on from ${directory} instead`] : [];
  return { trainer, documents, tokenizer, notes };
}

/** Refuses another configuration, or another way to read, than the run has. */
function requireSameModel(choice: RunChoice, { model, tokenizer }: FoundCheckpoint<TrainableModel>): void {
  const { out, preset, config, set, foreign } = choice;
  if (model instanceof Transformer) {
    refuseForeignOptions(foreign);
    const vocabulary = { size: tokenizer.vocabSize, source: `${out}/tokenizer.json` };
    requireSameConfig(chosenConfig(choice, model.config, vocabulary), model.config, out);
    return;
  }
  const [key] = [preset, config, ...set].filter((given) => given !== undefined);
  if (key !== undefined)
    throw new UsageError(`the model in ${out} is one that others trained, so ${key} means nothing`);
  if (model instanceof TrainedDecoder) requireSameReading(foreign, model, out);
}

/** Options that decide what a run has become, and that a checkpoint has no other values for. */
const KEPT = { seed: "--seed", optimizer: "--optimizer" } as const;
/** Those that divide the rows of a step, of which each part has a state. Where every row has one, the rows may be divided otherwise. */
const DIVIDING = { batchSize: "--batch-size", gradientAccumulation: "--gradient-accumulation" } as const;

/** Refuses another seed, update rule or division of the rows than the run has. */
function requireSameCourse(given: Partial<TrainingOptions>, kept: TrainingOptions, out: string): void {
  const { batchSize, gradientAccumulation } = { ...kept, ...given };
  const isAsDivided =
    kept.gradients === "rows" && batchSize * gradientAccumulation === kept.batchSize * kept.gradientAccumulation;
  const options = { ...KEPT, ...(!isAsDivided && DIVIDING) };
  for (const [key, option] of Object.entries(options) as [keyof typeof KEPT | keyof typeof DIVIDING, string][]) {
    if (given[key] === undefined || given[key] === kept[key]) continue;
    throw new InputError(`the run in ${out} has ${option} ${kept[key]}; a resumed run keeps it`);
  }
}

function tokenizerAt(path: string): Tokenizer {
  return tokenizerFromJson(readJson(path), path);
}
