/**
 * A training with `--sync H` as its leader sees it: workers take the inner steps, and the leader closes each round when all parts have
 * arrived, or enough of them when the time is over. It reads the arrivals from the exchange, where whoever leads next finds the same.
 */
import type { Rounds } from "../../cluster/training/rounds.ts";
import type { Task } from "../../cluster/training/training-record.ts";
import type { SavedTraining } from "../course.ts";
import { flatCopy, flatLength, setFlat } from "../flat-parameters.ts";
import type { MetricsLine } from "../step-metrics.ts";
import { History } from "./history.ts";
import { LedCourse } from "./led-course.ts";
import type { Arrived, OuterTrainer } from "./outer-trainer.ts";
import {
  beginningIn,
  hasArrived,
  keepPart,
  keepShared,
  loadArrival,
  loadPart,
  loadShared,
  nextPlace,
  type PartPlace,
  type RoundBeginning,
} from "./round-slots.ts";
import { ifWhole } from "./whole-state.ts";

/** When a round is closed without some of its parts. */
export interface Closing {
  /** Parts that must have arrived. Default: all. */
  readonly quorum?: number;
  /** Seconds after the round was dealt out, the last time, after which the others are not waited for. Default: for ever. */
  readonly deadline?: number;
}

/** Where the present round begins. */
interface Beginning extends RoundBeginning {
  readonly round: number;
  /** Steps of the round, if another leader has begun it. */
  readonly steps?: number;
}

export class RoundCourse extends LedCourse<OuterTrainer> {
  private readonly closing: Closing;
  private beginning: Beginning | undefined;

  constructor(trainer: OuterTrainer, rounds: Rounds, closing: Closing = {}) {
    super(trainer, rounds);
    this.closing = closing;
  }

  /** Takes the steps of one round; none if `signal` ended the waiting. @throws InputError as `Rounds` does */
  async advance(signal?: AbortSignal): Promise<readonly MetricsLine[]> {
    const { trainer, rounds } = this;
    const { step } = trainer;
    this.beginning ??= await this.begin();
    if (trainer.step > step) return this.history.after(step);
    const { round, steps = trainer.roundSteps, ...others } = this.beginning;
    const begin = { ...others, history: await this.history.put(), start: this.start };
    const began = performance.now();
    const isDone = this.doneAt(round);
    const things = trainer.parts.length;
    if (!(await rounds.compute({ round, step, steps, begin, things, isDone }, signal))) return [];
    const arrived = await this.arrivals(round, steps, begin);
    const metrics = trainer.close(arrived, (performance.now() - began) / 1000);
    const places = begin.parts.map((place, part) =>
      arrived.some((one) => one.part === part) ? nextPlace(place, round) : place,
    );
    this.beginning = await this.keep(round + 1, places);
    return metrics;
  }

  /** Begins where the exchange is, if that is ahead; else it gets the state of this machine. */
  private async begin(): Promise<Beginning> {
    const { trainer, rounds } = this;
    const { lastRound } = this;
    const found = lastRound === undefined ? undefined : await this.take(lastRound);
    if (found !== undefined) return found;
    const round = rounds.freshRound;
    const places = trainer.parts.map((): PartPlace => ({ slot: round % 2, tag: String(round) }));
    for (const [part, place] of places.entries()) await keepPart(rounds.slots, part, place, trainer.stateOf(part));
    return this.keep(round, places);
  }

  /** Takes over the state at the beginning of a round; undefined if it was never complete, or is damaged. */
  private async take({ round, step, steps, begin: content }: Task): Promise<Beginning | undefined> {
    const { trainer, rounds } = this;
    const count = flatLength(trainer.model.parameters);
    return ifWhole(async () => {
      const begin = beginningIn(content, trainer.parts.length);
      const { weights, velocity } = await loadShared(rounds.slots, round, begin.shared, count);
      const states: SavedTraining[] = [];
      for (const [part, place] of begin.parts.entries()) states.push(await loadPart(rounds.slots, part, place));
      trainer.restore({ step, seconds: begin.seconds, states, velocity });
      setFlat(trainer.model.parameters, "values", weights);
      this.history = new History(rounds.exchange, begin.history, step);
      return { ...begin, round, steps };
    });
  }

  /** Keeps what all share at the beginning of `round`. */
  private async keep(round: number, parts: readonly PartPlace[]): Promise<Beginning> {
    const { trainer, rounds } = this;
    rounds.require();
    const shared = `${round}-${rounds.leader}`;
    const weights = flatCopy(trainer.model.parameters, "values");
    await keepShared(rounds.slots, round, shared, { weights, velocity: trainer.momentum });
    return { round, shared, parts, history: null, seconds: trainer.seconds };
  }

  /** Tells whether the round can be closed: all parts have arrived, or the time is over and enough have. */
  private doneAt(round: number): (seconds: number) => Promise<boolean> {
    const { quorum, deadline = Infinity } = this.closing;
    const missing = new Set(this.trainer.parts.keys());
    const enough = quorum ?? missing.size;
    const all = missing.size;
    return async (seconds) => {
      for (const part of missing) if (await hasArrived(this.rounds.slots, round, part)) missing.delete(part);
      const isOver = seconds > deadline;
      return missing.size === 0 || (isOver && all - missing.size >= enough);
    };
  }

  /** The parts that have arrived, with their new states. */
  private async arrivals(round: number, steps: number, begin: RoundBeginning): Promise<Arrived[]> {
    const { slots } = this.rounds;
    const count = flatLength(this.trainer.model.parameters);
    const arrived: Arrived[] = [];
    for (const [part, place] of begin.parts.entries()) {
      if (!(await hasArrived(slots, round, part))) continue;
      const arrival = await loadArrival(slots, round, part, count, steps);
      arrived.push({ part, ...arrival, state: await loadPart(slots, part, nextPlace(place, round)) });
    }
    return arrived;
  }
}
