/** A training that workers compute, round by round, as `runTraining` sees it. Its state is that of a trainer on this machine. */
import { nameOf } from "../../cluster/blocks.ts";
import type { Rounds } from "../../cluster/training/rounds.ts";
import type { Task } from "../../cluster/training/training-record.ts";
import type { Course } from "../course.ts";
import { flatCopy } from "../flat-parameters.ts";
import type { MetricsLine } from "../step-metrics.ts";
import { History } from "./history.ts";

export abstract class LedCourse<T extends Course> implements Course {
  protected readonly trainer: T;
  protected readonly rounds: Rounds;
  protected history: History;
  /** SHA-256 of the weights that the training began with; null if that is not known any more. */
  protected start: string | null;

  /** `trainer` has all rows, and takes over what the workers computed. */
  constructor(trainer: T, rounds: Rounds) {
    this.trainer = trainer;
    this.rounds = rounds;
    this.history = new History(rounds.exchange, null, trainer.step);
    const weights = flatCopy(trainer.model.parameters, "values");
    this.start = trainer.step === 0 ? nameOf(new Uint8Array(weights.buffer)) : null;
  }

  /** The last round in the exchange, if this training goes on with it: it is not behind, and began with the same weights. */
  protected get lastRound(): Task | undefined {
    const { last } = this.rounds;
    const start = typeof last?.begin.start === "string" ? last.begin.start : null;
    if (last === null || last.step < this.trainer.step) return undefined;
    if (this.trainer.step > 0) this.start = start;
    return start === this.start ? last : undefined;
  }

  get model() {
    return this.trainer.model;
  }

  get options() {
    return this.trainer.options;
  }

  get step() {
    return this.trainer.step;
  }

  get done() {
    return this.trainer.done;
  }

  keyCosines(): number[] {
    return this.trainer.keyCosines();
  }

  save() {
    return this.trainer.save();
  }

  keepLine(line: MetricsLine): void {
    this.history.keep(line);
  }

  /** Takes the steps of one round; none if `signal` ended the waiting. @throws InputError as `Rounds` does */
  abstract advance(signal?: AbortSignal): Promise<readonly MetricsLine[]>;
}
