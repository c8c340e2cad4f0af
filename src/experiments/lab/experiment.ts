/**
 * An experiment as data: cells, each a model to train and measure, and a report made from their results.
 *
 * A cell holds only its differences from the recipe (recipe.ts). Cells of the same name are the same model in every
 * experiment, and share one training. run.ts runs cells; nothing here trains or writes.
 */
import type { ModelConfig } from "../../model/config.ts";
import type { Transformer } from "../../model/transformer.ts";
import type { ReportBody } from "../../report/experiment-report.ts";
import type { TrainingOptions } from "../../train/options.ts";
import type { ExperimentCorpus } from "./corpus.ts";
import type { Measurements, Results } from "./results.ts";

export interface Cell {
  /** Name in lower case with hyphens; also the name of its directory. */
  readonly name: string;
  /** Name in tables and charts. */
  readonly label: string;
  /** Differences from the recipe. */
  readonly config?: Partial<ModelConfig>;
  readonly training?: Partial<TrainingOptions>;
  /** Training tokens as a share of the budget (default: 1). With 0, the cell is the model of `from`, used differently. */
  readonly share?: number;
  /** The cell whose weights this one begins with; it comes earlier in the experiment. */
  readonly from?: string;
  /** The one layer that learns; default: all parameters do. */
  readonly onlyLayer?: number;
  /** Added to the run's seed. */
  readonly seedOffset?: number;
  /** Evaluations during training, evenly spaced, the last at its end; default: 0. */
  readonly courseEvaluations?: number;
  /** Memory sizes M of the evaluation, ascending; tables show the last. */
  readonly memorySizes: readonly number[];
  /** Whether the evaluation also measures the share of the exact neighbours that the search finds. */
  readonly recall?: boolean;
  /** Takes further measurements. */
  readonly measure?: (trained: TrainedCell) => Promise<Measurements>;
  /** Seconds that `measure` takes for a thousand test tokens, if it is much. */
  readonly measuringSeconds?: number;
}

/** A cell's model and the corpus to measure it on. */
export interface TrainedCell {
  readonly model: Transformer;
  /** Directory of the model. */
  readonly directory: string;
  /** Existing directory where a measurement may leave files for people to read. */
  readonly artifacts: string;
  readonly corpus: ExperimentCorpus;
  /** Tokens of each document to evaluate, from its beginning. */
  readonly evalTokens: number;
  /** Ends a measurement that asks by `goOn`. */
  readonly signal?: AbortSignal;
}

export interface Experiment {
  /** Name on the command line. */
  readonly name: string;
  /** One line, for `--help`. */
  readonly summary: string;
  readonly title: string;
  /** The paper's result, and where it is. */
  readonly paper: string;
  readonly cells: readonly Cell[];
  /** Default number of tokens to evaluate in each test document. */
  readonly evalTokens: number;
  /** Makes tables, charts and findings from the results so far; cells may be missing. */
  report(results: Results): ReportBody;
}
