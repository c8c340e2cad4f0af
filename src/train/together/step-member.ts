/**
 * A worker's side of `--sync step`: in each step it computes the gradients of its rows, sends their sums to the others, gets theirs, and
 * takes the same step as everybody. Weights and moments are the same everywhere, to the bit, and need not travel.
 */
import { breathe } from "../../base/breathe.ts";
import { atMostEvery } from "../../cluster/pause.ts";
import type { Seat } from "../../cluster/training/seats.ts";
import type { Slots } from "../../cluster/training/slots.ts";
import type { Member, Task } from "../../cluster/training/training-record.ts";
import type { TokenizedDocument } from "../../data/corpus.ts";
import type { TrainableModel } from "../../nn/language-model.ts";
import { flatLength } from "../flat-parameters.ts";
import type { TrainingOptions } from "../options.ts";
import type { RowGradients, RowRange } from "../row-gradients.ts";
import type { StepMetrics } from "../step-metrics.ts";
import { Trainer } from "../trainer.ts";
import { parseTrainerRecord } from "../trainer-record.ts";
import { gradientBytes, gradientsIn } from "./gradient-message.ts";
import { reportBytes } from "./report.ts";
import { MOST_OF_STATE } from "./state-message.ts";
import { gradientSlot, keepState, loadState } from "./step-slots.ts";

/** Milliseconds between two looks whether a round is still wanted. */
const LOOKS = 500;

export class StepMember {
  private readonly seat: Seat;
  private readonly slots: Slots;
  private readonly model: TrainableModel;
  private readonly documents: readonly TokenizedDocument[];
  private readonly options: TrainingOptions;
  /** The trainer at the beginning of a round, left by the round before. */
  private open: { readonly trainer: Trainer; readonly rows: RowRange; readonly round: number } | undefined;
  /** The last two messages to the others, by their slots. */
  private readonly sent = new Map<string, { readonly tag: string; readonly bytes: Uint8Array }>();

  constructor(
    seat: Seat,
    slots: Slots,
    model: TrainableModel,
    documents: readonly TokenizedDocument[],
    options: TrainingOptions,
  ) {
    this.seat = seat;
    this.slots = slots;
    this.model = model;
    this.documents = documents;
    this.options = options;
  }

  /** Computes a round. @throws SupersededError if it is dealt out anew meanwhile */
  async compute(task: Task): Promise<void> {
    const own = task.members.findIndex(({ entry }) => entry === this.seat.entry);
    const { from, to } = task.members[own];
    this.sent.clear();
    const trainer = await this.trainerAt(task, { from, to });
    const look = atMostEvery(LOOKS, () => this.lookAround(task));
    const between = async () => {
      await breathe(); // signs of life go out between two rows too
      await look();
    };
    try {
      const metrics: StepMetrics[] = [];
      for (let step = task.step + 1; step <= task.step + task.steps; step++) {
        const gather = (gradients: RowGradients) => this.gather(task, own, step, gradients, look);
        metrics.push(await trainer.trainStepTogether(gather, between));
        await breathe();
      }
      await this.seat.requireCurrent(task);
      const next = task.round + 1;
      const record = await keepState(this.slots, next, trainer, { from, to }, own === 0);
      if (own === 0) await this.slots.write("report", String(next), reportBytes({ metrics, record }));
      this.open = { trainer, rows: { from, to }, round: next };
    } catch (error) {
      trainer.release();
      throw error;
    }
  }

  release(): void {
    this.open?.trainer.release();
    this.open = undefined;
  }

  /** A trainer of these rows in the state at the beginning of the round. */
  private async trainerAt({ round, begin }: Task, rows: RowRange): Promise<Trainer> {
    const { open } = this;
    this.open = undefined;
    if (open?.round === round && open.rows.from === rows.from && open.rows.to === rows.to) return open.trainer;
    open?.trainer.release();
    const record = parseTrainerRecord(begin.record, "the beginning of a round");
    const trainer = new Trainer(this.model, this.documents, this.options, rows);
    try {
      await loadState(this.slots, round, trainer, rows, record);
      return trainer;
    } catch (error) {
      trainer.release();
      throw error;
    }
  }

  /** Sends the gradients of this worker's rows, and resolves to those of all; awaits `look` now and then meanwhile. */
  private async gather(
    task: Task,
    own: number,
    step: number,
    gradients: RowGradients,
    look: () => Promise<void>,
  ): Promise<RowGradients[]> {
    const tagOf = ({ entry }: Member) => `${entry}.${task.round}.${task.attempt}.${step}`;
    if (task.members.length > 1) {
      const message = { tag: tagOf(task.members[own]), bytes: gradientBytes(gradients) };
      this.sent.set(gradientSlot(own, step), message);
      await this.slots.write(gradientSlot(own, step), message.tag, message.bytes);
    }
    const count = flatLength(this.model.parameters);
    const parts = task.members.map(async (member, index) => {
      if (index === own) return gradients;
      const bytes = await this.slots.wait(gradientSlot(index, step), tagOf(member), MOST_OF_STATE, look);
      return gradientsIn(bytes, member, count);
    });
    return Promise.all(parts);
  }

  private async lookAround(task: Task): Promise<void> {
    await this.seat.requireCurrent(task);
    for (const [slot, { tag, bytes }] of this.sent) {
      // One that was taken for dead may have written there before it knew.
      if ((await this.slots.tag(slot)) !== tag) await this.slots.write(slot, tag, bytes);
    }
  }
}
