/** How a training run begins: afresh, or from the newest whole checkpoint in its directory. Nothing is written here. */

import { InputError } from "../base/errors.ts";
import { type Document, tokenizeDocuments } from "../data/corpus.ts";
import { readJson } from "../formats/json-file.ts";
import { preset } from "../model/presets.ts";
import { Transformer } from "../model/transformer.ts";
import { byteTokenizer, type Tokenizer, tokenizerFromJson } from "../text/tokenizer.ts";
import { requireTrainingRoom } from "../train/bytes.ts";
import { loadModel } from "../train/checkpoint.ts";
import { inheritingModel } from "../train/inherit.ts";
import { modelDirectory } from "../train/model-directory.ts";
import { isForeign } from "../train/open-model.ts";
import type { TrainingOptions } from "../train/options.ts";
import { holdsRun, newestCheckpoint } from "../train/run-directory.ts";
import { Trainer } from "../train/trainer.ts";
import { UsageError } from "./arguments/usage.ts";
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
}

export interface Run {
  readonly trainer: Trainer;
  readonly tokenizer: Tokenizer;
  /** A note for the user on how the run begins. */
  readonly warning?: string;
}

/** @throws InputError if there is a checkpoint already, which would be lost */
export function beginRun(choice: RunChoice, options: Partial<TrainingOptions>): Run {
  const { out, tokenizer: path, from } = choice;
  if (holdsRun(out)) {
    throw new InputError(`${out} holds a model already; give --resume to go on with it, or another --out`);
  }
  if (from !== undefined) return beginFrom(from, choice, options);
  const tokenizer = path === undefined ? byteTokenizer() : tokenizerAt(path);
  const vocabulary = { size: tokenizer.vocabSize, source: path ?? "the byte tokenizer (there is no --tokenizer)" };
  const config = chosenConfig(choice, preset(DEFAULT_PRESET), vocabulary);
  requireTrainingRoom(config, options);
  const documents = tokenizeDocuments(choice.documents(), tokenizer);
  return { trainer: new Trainer(new Transformer(config, options.seed), documents, options), tokenizer };
}

/** A run whose model inherits from the one in `from`; keys that its weights do not depend on may be others. */
function beginFrom(from: string, choice: RunChoice, options: Partial<TrainingOptions>): Run {
  const { preset, config: file, tokenizer: path } = choice;
  const surplus = Object.entries({ "--preset": preset, "--config": file, "--tokenizer": path }).find(
    ([, given]) => given,
  );
  if (surplus !== undefined) throw new UsageError(`--from ${from} has what ${surplus[0]} would say; leave it out`);
  if (isForeign(modelDirectory(from))) {
    throw new UsageError(
      `--from ${from} is a model that others trained; only models of this program can be trained yet`,
    );
  }
  const { model: source, tokenizer } = loadModel(from);
  const vocabulary = { size: tokenizer.vocabSize, source: `${from}/tokenizer.json` };
  const config = chosenConfig(choice, source.config, vocabulary);
  requireTrainingRoom(config, options);
  const documents = tokenizeDocuments(choice.documents(), tokenizer);
  const model = inheritingModel(source, config, options.seed ?? 0, from);
  source.parameters.release();
  return { trainer: new Trainer(model, documents, options), tokenizer };
}

/** Goes on where the run in `out` was saved. Options that are not given are as they were; the model cannot change. */
export function resumeRun(choice: RunChoice, options: Partial<TrainingOptions>): Run {
  const { out, tokenizer: path, from } = choice;
  if (from !== undefined)
    throw new UsageError(`--from ${from} begins a run and --resume continues one; give one of them`);
  const { model, tokenizer, record, tensors, directory, refusals } = newestCheckpoint(out);
  if (path !== undefined && JSON.stringify(tokenizerAt(path).toJSON()) !== JSON.stringify(tokenizer.toJSON())) {
    throw new InputError(`${path} is not the tokenizer of the run in ${out}; a resumed run keeps its tokenizer`);
  }
  const vocabulary = { size: tokenizer.vocabSize, source: `${out}/tokenizer.json` };
  requireSameConfig(chosenConfig(choice, model.config, vocabulary), model.config, out);
  const documents = tokenizeDocuments(choice.documents(), tokenizer);
  const trainer = new Trainer(model, documents, { ...record.options, ...options });
  trainer.load(record, tensors);
  const warning = refusals.length > 0 ? `${refusals.join("; ")}; going on from ${directory} instead` : undefined;
  return { trainer, tokenizer, warning };
}

function tokenizerAt(path: string): Tokenizer {
  return tokenizerFromJson(readJson(path), path);
}
