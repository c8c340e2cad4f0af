/** The clock of a round, which `--deadline` is compared with: it runs from when the round is dealt out, not while workers are waited for. */
import { join } from "node:path";
import * as assert from "uvu/assert";
import { nameOf } from "../../../src/cluster/blocks.ts";
import { openExchange } from "../../../src/cluster/open-exchange.ts";
import { Rounds } from "../../../src/cluster/training/rounds.ts";
import { Seat } from "../../../src/cluster/training/seats.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { PROGRAM } from "../world.ts";

const test = suite("the clock of a round");

const folder = folderFor(test, "round-clock");
const training = nameOf(new Uint8Array([20]));
const lease = 600_000;

test("time is counted from when the round is dealt out, and anew when it is dealt out anew", async () => {
  const exchange = await openExchange(join(folder, "exchange"));
  const seatJob = (leader: string, seat: number, turn: number) => ({
    kind: "seat",
    program: PROGRAM,
    inputs: {},
    after: {},
    settings: { leader, seat, turn },
  });
  let waits = () => {};
  const onNote = (note: string) => note.startsWith("waiting for 1 workers, none is there") && waits();
  const rounds = (await Rounds.lead(exchange, { training, seats: 1, program: PROGRAM, seatJob, lease, onNote }))!;
  const waited = () => new Promise<void>((resolve) => (waits = resolve));
  /** Seconds that were told, of each deal. */
  const deals: number[][] = [];
  let dealt = () => {};
  const isDone = async (seconds: number) => {
    if (seconds === 0) deals.push([]);
    else deals.at(-1)?.push(seconds);
    if (seconds > 0.5) dealt();
    return seconds > 0.5 && deals.length === 2;
  };
  for (const deal of [1, 2]) {
    const waiting = waited();
    if (deal === 1) void rounds.compute({ round: 1, step: 0, steps: 1, things: 1, begin: {}, isDone });
    await waiting;
    await new Promise((resolve) => setTimeout(resolve, 1500)); // nobody is there
    const seat = new Seat(exchange, { training, leader: rounds.leader, seat: 0, worker: "a worker", lease });
    const over = new Promise<void>((resolve) => (dealt = resolve));
    await seat.begin();
    await over;
    await seat.end();
  }
  await rounds.end();
  assert.is(deals.length, 2);
  for (const [first] of deals) assert.ok(first < 1, `${first} seconds, though it was dealt out just now`);
});
