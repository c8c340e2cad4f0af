/** A worker's side of `--sync H`: takes the inner steps of its parts, and keeps where each arrives. */
import { atMostEvery } from "../../cluster/pause.ts";
import type { Seat } from "../../cluster/training/seats.ts";
import type { Slots } from "../../cluster/training/slots.ts";
import type { Task } from "../../cluster/training/training-record.ts";
import type { TokenizedDocument } from "../../data/corpus.ts";
import type { TrainableModel } from "../../nn/language-model.ts";
import { flatLength } from "../flat-parameters.ts";
import type { TrainingOptions } from "../options.ts";
import { computePart } from "./compute-part.ts";
import { type Part, partsOf } from "./parts.ts";
import type { RoundOptions } from "./round-options.ts";
import { beginningIn, hasArrived, keepArrival, keepPart, loadPart, loadShared, nextPlace } from "./round-slots.ts";

/** Milliseconds between two looks whether a round is still wanted. */
const LOOKS = 1000;

export class PartMember {
  private readonly seat: Seat;
  private readonly slots: Slots;
  private readonly model: TrainableModel;
  private readonly parts: readonly Part[];

  constructor(
    seat: Seat,
    slots: Slots,
    model: TrainableModel,
    documents: readonly TokenizedDocument[],
    options: TrainingOptions,
    rounds: RoundOptions,
  ) {
    this.seat = seat;
    this.slots = slots;
    this.model = model;
    this.parts = partsOf(documents, options, rounds.parts);
  }

  /** Computes a round's parts that have not arrived. @throws SupersededError if the round is closed meanwhile */
  async compute(task: Task): Promise<void> {
    const { slots, parts, model } = this;
    const { round, steps, members } = task;
    const begin = beginningIn(task.begin, parts.length);
    const own = members.find(({ entry }) => entry === this.seat.entry);
    const shared = await loadShared(slots, round, begin.shared, flatLength(model.parameters));
    const between = atMostEvery(LOOKS, () => this.seat.requireRound(task));
    for (let part = own?.from ?? 0; part < (own?.to ?? 0); part++) {
      if (await hasArrived(slots, round, part)) continue;
      const state = await loadPart(slots, part, begin.parts[part]);
      const result = await computePart(model, parts[part], shared.weights, state, steps, between);
      await this.seat.requireRound(task);
      if (await hasArrived(slots, round, part)) continue; // by whom this one was taken for dead
      await keepPart(slots, part, nextPlace(begin.parts[part], round), result.state);
      await keepArrival(slots, round, part, result);
    }
  }
}
