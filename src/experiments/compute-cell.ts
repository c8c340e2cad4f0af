/** Computes a cell that a cluster asks for, on a worker. */
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import { nameOf } from "../cluster/blocks.ts";
import { isCount } from "../cluster/damage.ts";
import { filesBelow } from "../cluster/files.ts";
import type { Job } from "../cluster/jobs.ts";
import type { Computed } from "../cluster/worker.ts";
import { jsonText } from "../formats/json-file.ts";
import { rename, writeFileAtomic } from "../platform/atomic-write.ts";
import { makeDirectory } from "../platform/directories.ts";
import { exists } from "../platform/files.ts";
import { readFile } from "../platform/read-file.ts";
import type { RunSettings } from "./lab/cell-recipe.ts";
import { openCorpus } from "./lab/corpus.ts";
import type { Cell } from "./lab/experiment.ts";
import { VOCABULARY } from "./lab/recipe.ts";
import type { CellResult } from "./lab/results.ts";
import { runCell } from "./lab/run-cell.ts";
import { experiments } from "./list.ts";

const MOST_OF_FILE = 2 ** 32;
/** As on the command line. */
const MOST_TOKENS = 2 ** 40;

/**
 * Computes a cell's job in `scratch`, where an interrupted training goes on. `inputs` are directories.
 * @throws InputError if the job names what this program does not have
 */
export async function computeCell(
  { settings: given }: Job,
  inputs: Readonly<Record<string, string>>,
  scratch: string,
): Promise<Computed> {
  const { cell, source, corpusName, settings } = readSettings(given);
  const [models, results, directory] = ["models", "results", "out"].map((name) => `${scratch}/${name}`);
  copy(`${inputs.tokenizer}/tokenizer.json`, `${models}/tokenizer.json`);
  if (inputs.source !== undefined && cell.from !== undefined) copyModel(inputs.source, `${models}/${cell.from}`);
  if (inputs.model !== undefined) copyModel(inputs.model, `${models}/${cell.name}`);
  const corpus = { ...openCorpus(inputs.corpus, models, VOCABULARY), name: corpusName };
  const result = await runCell({ cell, source, corpus, settings, models, results });
  if (result === undefined) throw new Error("nobody interrupts a worker's cell");
  makeDirectory(directory);
  writeFileAtomic(`${directory}/result.json`, jsonText(result));
  const weights = `${models}/${cell.name}/model.safetensors`;
  const proof = proofOf(result, exists(weights) ? readFile(weights, MOST_OF_FILE) : undefined);
  if (exists(weights)) rename(`${models}/${cell.name}`, `${directory}/model`);
  if (cell.measure !== undefined) rename(`${results}/${cell.name}`, `${directory}/artifacts`);
  return { proof, directory };
}

/** All of a result but times, and the weights. */
function proofOf(result: CellResult, weights: Uint8Array | undefined): string {
  const { trainingSeconds: _, measuringSeconds: __, ...rest } = result;
  const { seconds: ___, ...measurements } = rest.measurements;
  const found = { ...rest, measurements, weights: weights && nameOf(weights) };
  return nameOf(new TextEncoder().encode(JSON.stringify(found)));
}

interface CellSettings {
  readonly cell: Cell;
  readonly source: Cell | undefined;
  readonly corpusName: string;
  readonly settings: RunSettings;
}

/** What a message may ask for is only what this program has. */
function readSettings(given: Job["settings"]): CellSettings {
  const { experiment, cell: name, corpus, budget, seed, evalTokens, overrides } = given;
  const cells = experiments.find((known) => known.name === experiment)?.cells;
  const cell = cells?.find((known) => known.name === name);
  if (cell === undefined)
    throw new InputError(`this program has no cell ${show(name)} of an experiment ${show(experiment)}`);
  const numbers = [budget, seed, evalTokens].every((number) => isCount(number) && number <= MOST_TOKENS);
  const texts = Array.isArray(overrides) && overrides.every((text) => typeof text === "string");
  if (!numbers || !texts || typeof corpus !== "string") {
    throw new InputError(`the settings of the cell ${cell.name} are not what this program writes`);
  }
  const settings = { budget: Number(budget), seed: Number(seed), evalTokens: Number(evalTokens), overrides };
  return { cell, source: cells?.find((known) => known.name === cell.from), corpusName: corpus, settings };
}

function copyModel(result: string, directory: string): void {
  for (const [path, file] of filesBelow(`${result}/model`)) copy(file, `${directory}/${path}`);
}

function copy(from: string, to: string): void {
  if (!exists(to)) writeFileAtomic(to, readFile(from, MOST_OF_FILE));
}
