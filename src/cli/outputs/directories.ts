/** The files that commands write below a directory that an option names. */
import { corpusName } from "../../experiments/lab/corpus.ts";
import type { Experiment } from "../../experiments/lab/experiment.ts";
import { companionNames } from "../../families/companions.ts";
import { OFFSETS_FILE } from "../../families/offsets-file.ts";
import { isDirectory, listDirectory } from "../../platform/files.ts";
import * as kinds from "./kinds.ts";
import type { Output } from "./outputs.ts";

const MODEL = {
  "config.json": kinds.configFile,
  "model.safetensors": kinds.weightsFile,
  "tokenizer.json": kinds.tokenizerFile,
};
/** What the directory of a model that others trained has besides. */
const OF_OTHERS = Object.fromEntries(
  [...companionNames, OFFSETS_FILE]
    .filter((name) => !Object.hasOwn(MODEL, name))
    .map((name) => [name, kinds.companionFile]),
);
/** At the top of a training's directory; what is below is in directories that only trainings make. */
const RUN = { ...MODEL, "metrics.jsonl": kinds.metricsFile, "staleness.html": kinds.reportPage };
const REPORT = { "results.json": kinds.resultsFile, "table.md": kinds.tableFile, "index.html": kinds.reportPage };

/** `foreign`: whether others trained the model, whose directory then has more files. */
export function modelOutputs(out: string, foreign = false): Output[] {
  return outputsIn(out, out, { ...MODEL, ...(foreign && OF_OTHERS) });
}

export function runOutputs(out: string, foreign = false): Output[] {
  return outputsIn(out, out, { ...RUN, ...(foreign && OF_OTHERS) });
}

/** The report, and for each corpus the results of the cells and their models. */
export function experimentOutputs(out: string, { name, cells }: Experiment, corpora: readonly string[]): Output[] {
  const charts = `${out}/${name}/charts`;
  const drawn = isDirectory(charts) ? listDirectory(charts).filter((entry) => entry.name.endsWith(".svg")) : [];
  const results = Object.fromEntries(cells.map((cell) => [`${cell.name}.json`, kinds.cellFile]));
  return [
    ...outputsIn(out, `${out}/${name}`, REPORT),
    ...outputsIn(out, charts, Object.fromEntries(drawn.map((entry) => [entry.name, kinds.chartFile]))),
    ...corpora
      .map(corpusName)
      .flatMap((corpus) => [
        ...outputsIn(out, `${out}/${name}/${corpus}`, results),
        ...cells.flatMap((cell) => outputsIn(out, `${out}/models/${corpus}/${cell.name}`, RUN)),
      ]),
  ];
}

function outputsIn(out: string, directory: string, files: Readonly<Record<string, kinds.FileKind>>): Output[] {
  return Object.entries(files).map(([name, kind]) => {
    return { option: "--out", path: `${directory}/${name}`, kind, directory: out };
  });
}
