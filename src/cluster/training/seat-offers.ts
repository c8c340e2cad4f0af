/**
 * The jobs by which workers take the seats of a training. An offer can be lost with the power of a server, and a worker can leave its seat
 * though the training goes on: one that was taken for dead gives its job a result, and so ends it for others too. What is empty is offered again.
 */
import type { Exchange } from "../exchange.ts";
import { deathOf, type Job, putJob, resultOf } from "../jobs.ts";

/** The job that takes a seat for the n-th time, from 0. */
export type SeatJob = (seat: number, turn: number) => Job;

export class SeatOffers {
  private readonly exchange: Exchange;
  private readonly seatJob: SeatJob;
  /** The last offer of each seat, and whether somebody sat there then. */
  private readonly offers: { readonly turn: number; readonly name: string; wasTaken: boolean }[] = [];

  private constructor(exchange: Exchange, seatJob: SeatJob) {
    this.exchange = exchange;
    this.seatJob = seatJob;
  }

  /** Offers seats 0 to `count` - 1. */
  static async make(exchange: Exchange, seatJob: SeatJob, count: number): Promise<SeatOffers> {
    const offers = new SeatOffers(exchange, seatJob);
    for (let seat = 0; seat < count; seat++) await offers.offer(seat, 0);
    return offers;
  }

  /** Offers the seats again in which nobody sits, but none that nobody could take. */
  async renew(taken: readonly number[]): Promise<void> {
    for (const seat of taken) this.offers[seat].wasTaken = true;
    for (const [seat, { turn, name, wasTaken }] of this.offers.entries()) {
      if (taken.includes(seat)) continue;
      const isDead = (await deathOf(this.exchange, name)) !== undefined;
      if (isDead && !wasTaken) continue;
      const isOver = isDead || (await resultOf(this.exchange, name)) !== undefined; // dead: of too many workers that came and went
      await this.offer(seat, isOver ? turn + 1 : turn, wasTaken && !isOver);
    }
  }

  /** Why no seat can be taken, whoever tries; undefined as long as one can. */
  async failure(): Promise<string | undefined> {
    let error: string | undefined;
    for (const { name, wasTaken } of this.offers) {
      error = await deathOf(this.exchange, name);
      if (error === undefined || wasTaken) return undefined;
    }
    return error;
  }

  /** Puts the seat's job into the queue, unless it is there, or with a worker. */
  private async offer(seat: number, turn: number, wasTaken = false): Promise<void> {
    const job = this.seatJob(seat, turn);
    const name = await putJob(this.exchange, job);
    this.offers[seat] = { turn, name, wasTaken };
    await this.exchange.offer(job.program, name);
  }
}
