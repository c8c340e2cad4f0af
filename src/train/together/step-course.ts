/**
 * A training with `--sync step` as its leader sees it: rounds of steps that workers take together. After each, the state of every row comes
 * back, so checkpoints, evaluations and the rest are those of a training on this machine.
 */
import { isBlockName } from "../../cluster/blocks.ts";
import type { Rounds } from "../../cluster/training/rounds.ts";
import type { Task } from "../../cluster/training/training-record.ts";
import { stepsUntilDue } from "../options.ts";
import type { RowRange } from "../row-gradients.ts";
import type { MetricsLine } from "../step-metrics.ts";
import type { Trainer } from "../trainer.ts";
import { parseTrainerRecord, type TrainerRecord } from "../trainer-record.ts";
import { History } from "./history.ts";
import { LedCourse } from "./led-course.ts";
import { MOST_OF_REPORT, reportIn } from "./report.ts";
import { keepState, loadState, stateSlots } from "./step-slots.ts";
import { ifWhole } from "./whole-state.ts";

/** Most steps of a round. After a death it begins anew. */
const MOST_STEPS = 50;

/** Where the present round begins. */
interface Beginning {
  readonly round: number;
  readonly record: TrainerRecord;
  /** Steps of the round, if another leader has begun it. */
  readonly steps?: number;
}

export class StepCourse extends LedCourse<Trainer> {
  private readonly rows: RowRange;
  private beginning: Beginning | undefined;

  /** `trainer` has all rows, and gradients "rows". */
  constructor(trainer: Trainer, rounds: Rounds) {
    const { batchSize, gradientAccumulation } = trainer.options;
    super(trainer, rounds);
    this.rows = { from: 0, to: batchSize * gradientAccumulation };
  }

  /** Takes the steps of one round; none if `signal` ended the waiting. @throws InputError as `Rounds` does */
  async advance(signal?: AbortSignal): Promise<readonly MetricsLine[]> {
    const { trainer, rounds, rows } = this;
    const { step } = trainer;
    this.beginning ??= await this.begin();
    if (trainer.step > step) return this.history.after(step);
    const { round, record } = this.beginning;
    const steps = this.beginning.steps ?? stepsUntilDue(trainer.options, step, MOST_STEPS);
    const begin = { record, history: await this.history.put(), start: this.start };
    const isDone = this.presence([...stateSlots(rows.to, round + 1), "report"], round + 1);
    if (!(await rounds.compute({ round, step, steps, begin, things: rows.to, isDone }, signal))) {
      return [];
    }
    const bytes = await rounds.slots.read("report", String(round + 1), MOST_OF_REPORT);
    const report = reportIn(bytes ?? new Uint8Array(), steps);
    await loadState(rounds.slots, round + 1, trainer, rows, report.record);
    this.beginning = { round: round + 1, record: report.record };
    return report.metrics;
  }

  /** Begins where the exchange is, if that is ahead; else it gets the state of this machine. */
  private async begin(): Promise<Beginning> {
    const { trainer, rounds, rows } = this;
    const { lastRound } = this;
    const found = lastRound === undefined ? undefined : await this.take(lastRound);
    if (found !== undefined) return found;
    const round = rounds.freshRound;
    return { round, record: await keepState(rounds.slots, round, trainer, rows, true) };
  }

  /** Takes over the state at the beginning of a round; undefined if it was never complete, or is damaged. */
  private async take(last: Task): Promise<Beginning | undefined> {
    const { trainer, rounds, rows } = this;
    return ifWhole(async () => {
      const found = beginningIn(last);
      await loadState(rounds.slots, found.round, trainer, rows, found.record);
      this.history = new History(rounds.exchange, historyIn(last), trainer.step);
      return found;
    });
  }

  /** Tells whether all these slots have what belongs to `round`. What was there once is not looked for again. */
  private presence(slots: readonly string[], round: number): () => Promise<boolean> {
    const missing = new Set(slots);
    return async () => {
      for (const slot of missing) {
        if ((await this.rounds.slots.tag(slot)) !== String(round)) return false;
        missing.delete(slot);
      }
      return true;
    };
  }
}

function beginningIn({ round, steps, begin }: Task): Beginning {
  return { round, steps, record: parseTrainerRecord(begin.record, "the record of a round") };
}

/** Name of the metrics up to the beginning of a round. */
function historyIn({ begin }: Task): string | null {
  return isBlockName(begin.history) ? begin.history : null;
}
