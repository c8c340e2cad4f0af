/** A training that workers compute, round by round, as `runTraining` sees it. Its state is that of a trainer on this machine. */
import type { Rounds } from "../../cluster/training/rounds.ts";
import type { Course } from "../course.ts";
import type { MetricsLine } from "../step-metrics.ts";
import { History } from "./history.ts";

export abstract class LedCourse<T extends Course> implements Course {
  protected readonly trainer: T;
  protected readonly rounds: Rounds;
  protected history: History;

  /** `trainer` has all rows, and takes over what the workers computed. */
  constructor(trainer: T, rounds: Rounds) {
    this.trainer = trainer;
    this.rounds = rounds;
    this.history = new History(rounds.exchange, null, trainer.step);
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
