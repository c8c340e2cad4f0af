/** The results of an experiment so far, for its report: by corpus and cell. */
import { isPlainObject } from "../../base/check.ts";
import type { TokenGroup } from "../../inspect/inspection-summary.ts";
import type { EvaluationResult } from "../../train/evaluate.ts";

/** Results of a measurement, as JSON keeps them. */
export interface Measurements {
  readonly numbers?: Readonly<Record<string, number>>;
  /** Times, which no second measurement repeats. */
  readonly seconds?: Readonly<Record<string, number>>;
  readonly groups?: Readonly<Record<string, readonly TokenGroup[]>>;
  readonly texts?: Readonly<Record<string, string>>;
}

/** An evaluation during a training. */
export interface CoursePoint {
  readonly step: number;
  readonly perplexity: number;
}

/** Result of a cell on one corpus; the content of its JSON file. */
export interface CellResult {
  readonly cell: string;
  readonly corpus: string;
  /** Everything besides code and corpus that determines the result. A result with another recipe is measured again. */
  readonly recipe: unknown;
  readonly parameters: number;
  /** Steps of its own training, without those of the cell that it began with. */
  readonly steps: number;
  readonly trainingTokens: number;
  readonly trainingSeconds: number;
  readonly measuringSeconds: number;
  readonly evaluation: EvaluationResult;
  readonly course: readonly CoursePoint[];
  readonly measurements: Measurements;
}

/** Whether a value from a file or from another machine has what reports read. */
export function isCellResult(value: unknown): value is CellResult {
  const { parameters, recipe, evaluation, course, measurements } = Object(value) as Partial<CellResult>;
  const sizes: unknown = Object(evaluation).results;
  const areSizes = Array.isArray(sizes) && sizes.every((size) => Number.isFinite(Object(size).memory));
  const areParts = [recipe, measurements].every(isPlainObject) && Array.isArray(course);
  return Number.isFinite(parameters) && areSizes && areParts;
}

export class Results {
  /** Names of the corpora, in the order given. */
  readonly corpora: readonly string[];
  /** Training tokens of a cell. */
  readonly budget: number;
  private readonly cells: readonly CellResult[];

  constructor(corpora: readonly string[], budget: number, cells: readonly CellResult[]) {
    this.corpora = corpora;
    this.budget = budget;
    this.cells = cells;
  }

  cell(corpus: string, name: string): CellResult | undefined {
    return this.cells.find((result) => result.corpus === corpus && result.cell === name);
  }

  /** Returns a cell's result on the first corpus that has one. */
  anywhere(name: string): CellResult | undefined {
    return this.cells.find((result) => result.cell === name);
  }

  /** Returns the test perplexity with a memory of `memory` (default: the last size that the cell was evaluated with). */
  perplexity(corpus: string, name: string, memory?: number): number | undefined {
    const results = this.cell(corpus, name)?.evaluation.results ?? [];
    return (memory === undefined ? results.at(-1) : results.find((result) => result.memory === memory))?.perplexity;
  }

  /** Returns the relative difference in perplexity between two cells: −0.2 means that `name` is 20 % lower. */
  change(corpus: string, name: string, reference: string): number | undefined {
    const [ours, theirs] = [this.perplexity(corpus, name), this.perplexity(corpus, reference)];
    return ours === undefined || theirs === undefined ? undefined : ours / theirs - 1;
  }

  /** Returns the share of the exact neighbours that the cell's search found, the mean over its memory layers. */
  recall(corpus: string, name: string): number | undefined {
    const layers = this.cell(corpus, name)?.evaluation.results.at(-1)?.recall;
    return layers && layers.reduce((sum, { recall }) => sum + recall, 0) / layers.length;
  }

  number(corpus: string, name: string, key: string): number | undefined {
    return this.measurements(corpus, name).numbers?.[key];
  }

  measurements(corpus: string, name: string): Measurements {
    return this.cell(corpus, name)?.measurements ?? {};
  }
}
