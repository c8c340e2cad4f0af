/** The progress of an experiment in one line: which cell of how many, what it does, how fast, and how long all of it will take. */
import type { RunSettings } from "../experiments/lab/cell-recipe.ts";
import { expectedSeconds } from "../experiments/lab/cost.ts";
import type { Cell, Experiment } from "../experiments/lab/experiment.ts";
import { type ExperimentRun, withSources } from "../experiments/lab/run.ts";
import { duration, type ProgressLine, wholeNumber } from "../report/progress.ts";
import type { StepMetrics } from "../train/step-metrics.ts";

export class ExperimentProgress {
  private readonly line: ProgressLine;
  private readonly settings: RunSettings;
  /** Every cell of every corpus. */
  private readonly cells: readonly Cell[];
  /** Names of those that this run may compute. */
  private readonly wanted: ReadonlySet<string>;
  private title = "";
  private index = 0;
  private began = performance.now();
  /** The cell that is computed, if it is not done already. */
  private running: Cell | undefined;
  /** Expected seconds of the cells that this run has computed, and what they took. */
  private expected = 0;
  private took = 0;

  constructor(line: ProgressLine, { cells }: Experiment, run: Pick<ExperimentRun, "settings" | "corpora" | "only">) {
    this.line = line;
    this.settings = run.settings;
    this.cells = run.corpora.flatMap(() => cells);
    this.wanted = withSources(run.only ?? cells.map(({ name }) => name), cells);
  }

  get callbacks(): Pick<ExperimentRun, "onCell" | "onStep" | "onEvaluation"> {
    return {
      onCell: (corpus, cell, index, finished) => this.begin(corpus, cell, index, finished),
      onStep: (metrics, steps) => this.training(metrics, steps),
      onEvaluation: (done, total) => this.evaluating(done, total),
    };
  }

  private begin(corpus: string, cell: Cell, index: number, finished: boolean): void {
    this.finishLast();
    this.title = `cell ${index + 1} of ${this.cells.length}  ${corpus}/${cell.name}`;
    this.index = index;
    this.began = performance.now();
    this.running = finished ? undefined : cell;
    this.line.note(finished ? `${this.title}  done already` : this.title);
  }

  /** Notes how long the cell before took, if it was computed. */
  private finishLast(): void {
    if (this.running === undefined) return;
    this.expected += this.secondsOf(this.running);
    this.took += (performance.now() - this.began) / 1000;
  }

  private training({ step, loss, tokensPerSecond, secondsLeft }: StepMetrics, steps: number): void {
    const rate = `${wholeNumber(tokensPerSecond)} tokens/s`;
    this.show(`step ${step}/${steps}  loss ${loss.toFixed(3)}  ${rate}`, secondsLeft);
  }

  private evaluating(done: number, total: number): void {
    this.show(`evaluating ${Math.floor((100 * done) / total)} %`, 0);
  }

  private show(work: string, secondsLeft: number): void {
    const later = this.cells.slice(this.index + 1).reduce((sum, cell) => sum + this.secondsOf(cell), 0);
    const left = secondsLeft + later * this.correction;
    this.line.show(`${this.title}  ${work}  ${duration(left)} left`);
  }

  /** How much longer cells take than expected, as far as this run knows. */
  private get correction(): number {
    return this.expected > 0 ? this.took / this.expected : 1;
  }

  private secondsOf(cell: Cell): number {
    return this.wanted.has(cell.name) ? expectedSeconds(cell, this.settings) : 0;
  }
}
