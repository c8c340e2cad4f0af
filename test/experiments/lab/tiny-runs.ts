/** A small experiment of a few cells, run into directories of its own, for the tests of experiment runs. */
import * as fs from "node:fs";
import { join } from "node:path";
import type { Cell, Experiment } from "../../../src/experiments/lab/experiment.ts";
import type { CellResult } from "../../../src/experiments/lab/results.ts";
import { type ExperimentRun, runExperiment } from "../../../src/experiments/lab/run.ts";
import { folderFor } from "../../folder.ts";
import type { Suite } from "../../harness.ts";
import { tinySettings, writeTinyCorpus } from "../tiny.ts";

const training = { batchSize: 3 };
export const plain: Cell = { name: "plain", label: "plain", training, memorySizes: [0] };
export const memory: Cell = {
  name: "memory",
  label: "memory",
  training,
  config: { memory_size: 33 },
  memorySizes: [0, 33],
};
export const layer: Cell = { ...memory, name: "layer", from: "plain", share: 0.5, onlyLayer: 1, courseEvaluations: 2 };
export const untrained: Cell = {
  ...memory,
  name: "untrained",
  from: "memory",
  share: 0,
  memorySizes: [33, 70],
  recall: true,
  measure: async ({ corpus, evalTokens }) => ({ numbers: { documents: corpus.valid.length, evalTokens } }),
};

function experimentOf(...cells: Cell[]): Experiment {
  return {
    name: "tiny",
    summary: "for tests",
    title: "A <tiny> experiment",
    paper: "Nowhere.",
    cells,
    evalTokens: 120,
    report: (results) => ({
      question: "Does it run?",
      findings: [],
      parts: [
        {
          kind: "table",
          title: "All",
          header: ["cell", "perplexity"],
          rows: cells.map(({ name }) => [name, String(results.perplexity("math", name))]),
        },
      ],
    }),
  };
}

/** What the tests of one file run experiments with: the corpus `math`, and as many directories as they need. */
export function tinyRuns(test: Suite) {
  const folder = folderFor(test, "experiment");
  let count = 0;
  const at = (name: string) => join(folder, name);
  test.before(() => writeTinyCorpus(at("math")));

  /** Runs the cells into `out` and counts the steps that were trained. */
  async function run(out: string, cells: Cell[], more: Partial<ExperimentRun> = {}) {
    let steps = 0;
    const settings = tinySettings();
    const done = await runExperiment(experimentOf(...cells), {
      settings,
      corpora: [at("math")],
      out,
      facts: [["machine", "a test"]],
      onStep: () => steps++,
      ...more,
    });
    return { done, steps };
  }
  return { at, newDirectory: () => at(`out-${count++}`), run };
}

/** The results of the report in `out`. */
export function reportedIn(out: string): CellResult[] {
  return JSON.parse(fs.readFileSync(join(out, "tiny/results.json"), "utf8")).cells;
}

export function resultIn(out: string, cell: string): CellResult {
  return JSON.parse(fs.readFileSync(join(out, "tiny/math", `${cell}.json`), "utf8"));
}
