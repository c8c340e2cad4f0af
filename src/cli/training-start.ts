/** How a training run begins: afresh, or from the newest whole checkpoint in its directory. Nothing is written here. */
import { documentsInDirectory, tokenizeDocuments } from "../data/corpus.ts";
import { InputError } from "../errors.ts";
import { readJson } from "../json-file.ts";
import { preset } from "../model/presets.ts";
import { Transformer } from "../model/transformer.ts";
import { byteTokenizer, type Tokenizer, tokenizerFromJson } from "../text/tokenizer.ts";
import { requireTrainingRoom } from "../train/bytes.ts";
import type { TrainingOptions } from "../train/options.ts";
import { holdsRun, newestCheckpoint } from "../train/run-directory.ts";
import { Trainer } from "../train/trainer.ts";
import { type ConfigChoice, chosenConfig, DEFAULT_PRESET, requireSameConfig } from "./model-config.ts";

export interface RunChoice extends ConfigChoice {
  /** Directory of the training documents. */
  readonly data: string;
  /** Directory of the run. */
  readonly out: string;
  /** A tokenizer.json. */
  readonly tokenizer?: string;
}

export interface Run {
  readonly trainer: Trainer;
  readonly tokenizer: Tokenizer;
  /** What the user should know about the beginning. */
  readonly warning?: string;
}

/** @throws InputError if there is a checkpoint already, which would be lost */
export function beginRun(choice: RunChoice, options: Partial<TrainingOptions>): Run {
  const { data, out, tokenizer: path } = choice;
  if (holdsRun(out)) {
    throw new InputError(`${out} holds a model already; give --resume to go on with it, or another --out`);
  }
  const tokenizer = path === undefined ? byteTokenizer() : tokenizerAt(path);
  const vocabulary = { size: tokenizer.vocabSize, source: path ?? "the byte tokenizer (there is no --tokenizer)" };
  const config = chosenConfig(choice, preset(DEFAULT_PRESET), vocabulary);
  requireTrainingRoom(config, options);
  const documents = tokenizeDocuments(documentsInDirectory(data), tokenizer);
  return { trainer: new Trainer(new Transformer(config, options.seed), documents, options), tokenizer };
}

/** Goes on where the run in `out` was saved. Options that are not given are as they were; the model cannot change. */
export function resumeRun(choice: RunChoice, options: Partial<TrainingOptions>): Run {
  const { data, out, tokenizer: path } = choice;
  const { model, tokenizer, record, tensors, directory, refusals } = newestCheckpoint(out);
  if (path !== undefined && JSON.stringify(tokenizerAt(path).toJSON()) !== JSON.stringify(tokenizer.toJSON())) {
    throw new InputError(`${path} is not the tokenizer of the run in ${out}; a resumed run keeps its tokenizer`);
  }
  const vocabulary = { size: tokenizer.vocabSize, source: `${out}/tokenizer.json` };
  requireSameConfig(chosenConfig(choice, model.config, vocabulary), model.config, out);
  const documents = tokenizeDocuments(documentsInDirectory(data), tokenizer);
  const trainer = new Trainer(model, documents, { ...record.options, ...options });
  trainer.load(record, tensors);
  const warning = refusals.length > 0 ? `${refusals.join("; ")}; going on from ${directory} instead` : undefined;
  return { trainer, tokenizer, warning };
}

function tokenizerAt(path: string): Tokenizer {
  return tokenizerFromJson(readJson(path), path);
}
