/**
 * Cells as jobs of a cluster: all that decides a cell's result, made on the machine that waits for it. A cell that begins with another
 * one reads that one's result. The files of a result are `result.json`, the model in `model/`, and what a measurement leaves for people in
 * `artifacts/`.
 */
import type { Exchange } from "../../cluster/exchange.ts";
import { putTree } from "../../cluster/files.ts";
import type { Job } from "../../cluster/jobs.ts";
import { programName } from "../../cluster/program.ts";
import { documentsInDirectory } from "../../data/corpus.ts";
import { cellRecipe } from "./cell-recipe.ts";
import { SPLITS } from "./corpus.ts";
import type { CellRun } from "./run-cell.ts";
import { finishedTraining } from "./train-cell.ts";

export const CELL = "cell";

/** Files of a finished model. */
const MODEL_FILES = ["config.json", "metrics.jsonl", "model.safetensors", "tokenizer.json", "trained.json"];

/** Puts the documents of the corpus in `directory`, and resolves to the name of their tree. */
export function putCorpus(exchange: Exchange, directory: string): Promise<string> {
  const root = directory.replace(/\/+$/, "");
  const documents = SPLITS.flatMap((split) => documentsInDirectory(`${root}/${split}`));
  const files = documents.flatMap((document) => document.files);
  return putTree(exchange, new Map(files.map((file) => [file.slice(root.length + 1), file])));
}

/** What a cell's job is made of besides the cell. */
export interface CellJobParts {
  readonly experiment: string;
  /** Name of the corpus' tree. */
  readonly corpus: string;
  /** Names of the jobs of cells that are not finished. */
  readonly jobs: ReadonlyMap<string, string>;
}

/** The job of a cell. Models that are finished here are sent along. */
export async function cellJob(exchange: Exchange, run: CellRun, parts: CellJobParts): Promise<Job> {
  const { cell, corpus, settings, models } = run;
  const recipe = cellRecipe(cell, settings, corpus.tokenizer.vocabSize);
  const own = finishedTraining(`${models}/${cell.name}`, recipe);
  const source = cell.from === undefined ? undefined : parts.jobs.get(cell.from);
  const inputs: Record<string, string> = {
    corpus: parts.corpus,
    tokenizer: await putTree(exchange, new Map([["tokenizer.json", `${models}/tokenizer.json`]])),
    ...(own && { model: await putModel(exchange, models, cell.name) }),
    ...(cell.from !== undefined && source === undefined && { source: await putModel(exchange, models, cell.from) }),
  };
  return {
    kind: CELL,
    program: programName(),
    inputs,
    after: source === undefined ? {} : { source },
    settings: { experiment: parts.experiment, cell: cell.name, corpus: corpus.name, ...settings },
  };
}

/** A model's tree, laid out as in a result. */
async function putModel(exchange: Exchange, models: string, cell: string): Promise<string> {
  return putTree(exchange, new Map(MODEL_FILES.map((file) => [`model/${file}`, `${models}/${cell}/${file}`])));
}
