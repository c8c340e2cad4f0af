/**
 * The leader's side of a training: deals each round out to those who sit in the training's seats, and deals it out anew if one of them falls
 * silent. What a round computes, and when it is done, is known to the caller.
 */
import { InputError } from "../../base/errors.ts";
import type { Exchange } from "../exchange.ts";
import type { Job } from "../jobs.ts";
import { atMostEvery, pause } from "../pause.ts";
import { workersOf } from "../workers.ts";
import { deal } from "./deal.ts";
import { Leadership, type LeadershipOptions } from "./leadership.ts";
import { SeatOffers } from "./seat-offers.ts";
import { Seats, type TakenSeat } from "./seats.ts";
import { Slots } from "./slots.ts";
import type { Task } from "./training-record.ts";

/** Milliseconds between two looks at a round: at first, and at most. */
const [SOON, LATE] = [5, 200];
/** Milliseconds that the first round waits for more workers, once there is one. */
const GRACE = 5000;
/** Milliseconds between two offers of a seat in which nobody sits. */
const OFFERS = 5000;

export interface RoundsOptions extends LeadershipOptions {
  /** Name of the training, 64 hexadecimal digits. */
  readonly training: string;
  /** How many workers are wanted. */
  readonly seats: number;
  /** The program that they must be (program.ts). */
  readonly program: string;
  /** The job by which a worker takes a seat, for the n-th time. */
  readonly seatJob: (leader: string, seat: number, turn: number) => Job;
  /** Told what is waited for. */
  readonly onNote?: (note: string) => void;
}

/** A round to deal out. */
export interface Round extends Pick<Task, "round" | "step" | "steps" | "begin"> {
  /** How many rows or parts there are to deal. */
  readonly things: number;
  /** Whether all that it computes is there, or enough, so many seconds after it was dealt out; 0 before. */
  readonly isDone: (seconds: number) => Promise<boolean>;
}

export class Rounds {
  readonly exchange: Exchange;
  readonly slots: Slots;
  private readonly options: RoundsOptions;
  private readonly leadership: Leadership;
  private readonly seats: Seats;
  private readonly offers: SeatOffers;
  private readonly renewOffers: () => Promise<void>;
  private attempt = 0;
  private isFirst = true;

  private constructor(exchange: Exchange, options: RoundsOptions, leadership: Leadership, offers: SeatOffers) {
    this.exchange = exchange;
    this.options = options;
    this.leadership = leadership;
    this.slots = new Slots(exchange, options.training);
    this.seats = new Seats(exchange, options.training, leadership.name, options.seats);
    this.offers = offers;
    this.renewOffers = atMostEvery(OFFERS, async () =>
      this.offers.renew((await this.seats.taken()).map(({ seat }) => seat)),
    );
  }

  /** Leads a training and offers its seats; undefined if the signal ended the waiting for another leader. */
  static async lead(exchange: Exchange, options: RoundsOptions): Promise<Rounds | undefined> {
    const leadership = await Leadership.take(exchange, options.training, options);
    if (leadership === undefined) return undefined;
    const seatJob = (seat: number, turn: number) => options.seatJob(leadership.name, seat, turn);
    try {
      return new Rounds(exchange, options, leadership, await SeatOffers.make(exchange, seatJob, options.seats));
    } catch (error) {
      await leadership.end(); // or it would lead for ever
      throw error;
    }
  }

  /** The name that this leader drew. */
  get leader(): string {
    return this.leadership.name;
  }

  /** The last round that was begun, perhaps by another leader. */
  get last(): Task | null {
    return this.leadership.task;
  }

  /** Number of a round that nobody has written states of, and so the first one of a leader that finds none to go on with. */
  get freshRound(): number {
    return this.leadership.freshRound;
  }

  /**
   * Has a round computed; resolves to false if `signal` ended the waiting.
   * @throws InputError if a worker cannot compute it, or another leads by now
   */
  async compute(round: Round, signal?: AbortSignal): Promise<boolean> {
    const { isDone, things, ...task } = round;
    while (!(await isDone(0))) {
      const hands = await this.hands(signal);
      if (hands === undefined) return false;
      const shares = deal(things, Math.min(things, hands.length));
      const members = shares.map((share, index) => ({ ...share, entry: hands[index].entry }));
      await this.leadership.publish({ ...task, attempt: this.attempt++, members });
      const outcome = await this.watch(round, new Set(members.map(({ entry }) => entry)), signal);
      if (outcome === "done" || outcome === "ended") return outcome === "done";
      this.options.onNote?.(outcome);
    }
    return true;
  }

  /** @throws InputError if another leads by now */
  require(): void {
    this.leadership.require();
  }

  /** Lets the workers go, and others lead. */
  end(): Promise<void> {
    return this.leadership.end();
  }

  /** Waits until the round is done; resolves to a note if it is to be dealt out anew. */
  private async watch({ isDone }: Round, members: ReadonlySet<string>, signal?: AbortSignal): Promise<string> {
    const { losses } = this.slots;
    const began = performance.now();
    for (let wait = SOON; !signal?.aborted; wait = Math.min(LATE, 1.2 * wait)) {
      this.require();
      if (await isDone((performance.now() - began) / 1000)) return "done";
      const present = (await this.takenSeats()).filter(({ entry }) => members.has(entry));
      if (present.length < members.size) return "a worker was silent for its --lease; its rows go to others";
      if (this.slots.losses > losses) return "what a worker had computed was damaged, so the round is computed again";
      await pause(wait, signal);
    }
    return "ended";
  }

  /** Those who can compute the next round, as soon as there is anybody; undefined if `signal` ends the waiting. */
  private async hands(signal?: AbortSignal): Promise<TakenSeat[] | undefined> {
    const { seats, onNote } = this.options;
    let [told, since] = [-1, performance.now()];
    while (!signal?.aborted) {
      this.require();
      await this.renewOffers();
      const taken = await this.takenSeats();
      if (taken.length === 0) since = performance.now();
      const isEnough = taken.length === seats || (taken.length > 0 && performance.now() - since > GRACE);
      if (isEnough || (taken.length > 0 && !this.isFirst)) {
        this.isFirst = false;
        return taken;
      }
      if (told !== taken.length)
        onNote?.(`${waiting(taken.length, seats, this.exchange.name)}${await this.strangers()}`);
      told = taken.length;
      if (taken.length === 0) await this.requireSeats();
      await pause(LATE / 2, signal);
    }
    return undefined;
  }

  /** A note on workers that will not come. */
  private async strangers(): Promise<string> {
    const workers = (await workersOf(this.exchange)).filter(({ isAlive }) => isAlive);
    const others = workers.filter(({ program }) => program !== this.options.program).map(({ worker }) => worker);
    if (others.length === 0) return "";
    const advice = "they need this version, and MEMORIZING_KERNELS=plain where some run an older Node";
    return `; of another version or another build of the kernels: ${others.join(", ")}; ${advice}`;
  }

  private async takenSeats(): Promise<TakenSeat[]> {
    const taken = await this.seats.taken();
    const failed = taken.find(({ error }) => error !== null);
    if (failed !== undefined) throw new InputError(`worker ${failed.worker}: ${failed.error}`);
    return taken;
  }

  /** @throws InputError if a seat cannot be taken, whoever tries */
  private async requireSeats(): Promise<void> {
    const error = await this.offers.failure();
    if (error !== undefined) throw new InputError(`no worker could take part, the last one with: ${error}`);
  }
}

function waiting(taken: number, seats: number, place: string): string {
  const there = taken === 0 ? "none is there" : `${taken} ${taken === 1 ? "is" : "are"} there`;
  return `waiting for ${seats} workers, ${there}; start more with: memorizing worker ${place}`;
}
