/**
 * What an experiment is, in data: cells, each a model that is trained and measured, and how its results read as a report.
 *
 * A cell says only what sets it apart from the recipe (recipe.ts). Cells of the same name are the same model, in whichever
 * experiment they stand, and share one training. How cells run is in run.ts; nothing here trains or writes.
 */
import type { ModelConfig } from "../../model/config.ts";
import type { Transformer } from "../../model/transformer.ts";
import type { ReportBody } from "../../report/experiment-report.ts";
import type { TrainingOptions } from "../../train/options.ts";
import type { ExperimentCorpus } from "./corpus.ts";
import type { Measurements, Results } from "./results.ts";

export interface Cell {
  /** In lower case with hyphens: also the name of its directory. */
  readonly name: string;
  /** As tables and charts call it. */
  readonly label: string;
  /** What differs from the recipe. */
  readonly config?: Partial<ModelConfig>;
  readonly training?: Partial<TrainingOptions>;
  /** What it learns from: the corpus' train split unless given, or invented names (invented-names.ts). */
  readonly documents?: "names";
  /** Training tokens as a share of the budget; 1 unless given. With 0 it is the model of `from`, used otherwise. */
  readonly share?: number;
  /** The cell whose weights this one begins with; it stands before this one in the experiment. */
  readonly from?: string;
  /** The one layer that learns; all parameters do, unless given. */
  readonly onlyLayer?: number;
  /** Added to the run's seed. */
  readonly seedOffset?: number;
  /** Evaluations in the course of the training, evenly spaced, the last at its end; none unless given. */
  readonly courseEvaluations?: number;
  /** M, the memories that it is evaluated with, ascending; the last is the one that tables show. */
  readonly memorySizes: readonly number[];
  /** Whether the evaluation also tells what share of the exact neighbours the memory's search finds. */
  readonly recall?: boolean;
  /** What is measured besides. */
  readonly measure?: (trained: TrainedCell) => Promise<Measurements>;
  /** Seconds that this takes for a thousand test tokens, where it is much. */
  readonly measuringSeconds?: number;
}

/** A cell's model, and what there is to measure it on. */
export interface TrainedCell {
  readonly model: Transformer;
  /** Directory of the model. */
  readonly directory: string;
  /** Where a measurement may leave files for people to read; it exists. */
  readonly artifacts: string;
  readonly corpus: ExperimentCorpus;
  /** Tokens of each document that count, from its beginning. */
  readonly evalTokens: number;
}

export interface Experiment {
  /** As it is typed. */
  readonly name: string;
  /** One line, for `--help`. */
  readonly summary: string;
  readonly title: string;
  /** What the paper measured, and where. */
  readonly paper: string;
  readonly cells: readonly Cell[];
  /** Tokens of each test document that are evaluated, unless another number is asked for. */
  readonly evalTokens: number;
  /** Tables, charts and findings from the results so far: cells may be missing. */
  report(results: Results): ReportBody;
}
