/** The results of an experiment, as its report asks for them: by corpus and cell, where they are there already. */
import type { TokenGroup } from "../../inspect/inspection-summary.ts";
import type { EvaluationResult } from "../../train/evaluate.ts";

/** What a measurement found, as JSON keeps it. */
export interface Measurements {
  readonly numbers?: Readonly<Record<string, number>>;
  readonly groups?: Readonly<Record<string, readonly TokenGroup[]>>;
  readonly texts?: Readonly<Record<string, string>>;
}

/** An evaluation in the course of a training. */
export interface CoursePoint {
  readonly step: number;
  readonly perplexity: number;
}

/** What is known of a cell on one corpus; the content of its JSON file. */
export interface CellResult {
  readonly cell: string;
  readonly corpus: string;
  /** All that decides the result, but for the program and the corpus: a result with another recipe is measured again. */
  readonly recipe: unknown;
  readonly parameters: number;
  /** Of its own training, not of the cell that it began with. */
  readonly steps: number;
  readonly trainingTokens: number;
  readonly trainingSeconds: number;
  readonly measuringSeconds: number;
  readonly evaluation: EvaluationResult;
  readonly course: readonly CoursePoint[];
  readonly measurements: Measurements;
}

export class Results {
  /** Names, in the order in which they were given. */
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

  /** A cell on whichever corpus it was measured. */
  anywhere(name: string): CellResult | undefined {
    return this.cells.find((result) => result.cell === name);
  }

  /** Test perplexity with a memory of `memory`; unless given, with the last size that the cell was evaluated with. */
  perplexity(corpus: string, name: string, memory?: number): number | undefined {
    const results = this.cell(corpus, name)?.evaluation.results ?? [];
    return (memory === undefined ? results.at(-1) : results.find((result) => result.memory === memory))?.perplexity;
  }

  /** How much lower or higher the perplexity of one cell is than that of another: −0.2 is 20 % lower. */
  change(corpus: string, name: string, reference: string): number | undefined {
    const [ours, theirs] = [this.perplexity(corpus, name), this.perplexity(corpus, reference)];
    return ours === undefined || theirs === undefined ? undefined : ours / theirs - 1;
  }

  /** The share of the exact neighbours that the cell's search found, over all its memory layers. */
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
