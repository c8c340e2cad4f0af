/** Seats: who is there, who has fallen silent, and what becomes of one whose seat another has taken. */
import { join } from "node:path";
import * as assert from "uvu/assert";
import { nameOf } from "../../../src/cluster/blocks.ts";
import { openExchange } from "../../../src/cluster/open-exchange.ts";
import { Leadership } from "../../../src/cluster/training/leadership.ts";
import { Seat, Seats, SupersededError } from "../../../src/cluster/training/seats.ts";
import type { Task } from "../../../src/cluster/training/training-record.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { inTime } from "../../in-time.ts";
import { mortal } from "./mortal.ts";

const test = suite("seats");

const folder = folderFor(test, "seats");
const TRAINING = nameOf(new Uint8Array([20]));
/** Milliseconds, of a lease that is to end, and of others. */
const LEASE = 300;
const LONG_LEASE = 600_000;
let count = 0;

async function world(lease = LONG_LEASE) {
  const exchange = await openExchange(join(folder, `${count++}`));
  const leadership = (await Leadership.take(exchange, TRAINING, { lease: LONG_LEASE }))!;
  const seatOf = (seat: number, own = exchange) =>
    new Seat(own, { training: TRAINING, leader: leadership.name, seat, worker: `worker ${seat}`, lease });
  return { exchange, leadership, seatOf, seats: new Seats(exchange, TRAINING, leadership.name, 3) };
}

function task(round: number, attempt: number, ...seats: readonly Seat[]): Task {
  const members = seats.map(({ entry }, index) => ({ entry, from: index, to: index + 1 }));
  return { round, attempt, step: 0, steps: 1, members, begin: {} };
}

const later = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test("a small example, written out: two sit, one has a round, and both leave when the leader does", async () => {
  const { leadership, seatOf, seats } = await world();
  const [first, third] = [seatOf(0), seatOf(2)];
  assert.equal(await seats.taken(), []);
  for (const seat of [first, third]) await seat.begin();
  const taken = await seats.taken();
  assert.equal(
    taken.map(({ worker, error }) => [worker, error]),
    [
      ["worker 0", null],
      ["worker 2", null],
    ],
  );
  await leadership.publish(task(5, 0, third));
  assert.is((await third.nextTask(undefined))?.round, 5);
  const waiting = [first.nextTask(undefined), third.nextTask(task(5, 0))];
  await third.fail("no room");
  assert.is((await seats.taken())[1].error, "no room");
  await leadership.end();
  assert.equal(await Promise.all(waiting), [undefined, undefined]);
  for (const seat of [first, third]) await seat.end();
  assert.equal(await seats.taken(), []);
});

test("one that is silent for its lease counts as gone, one that gives signs of life does not", async () => {
  await inTime(LEASE, async (lease) => {
    const { exchange, leadership, seatOf, seats } = await world(lease);
    const silent = mortal(exchange);
    const [living, dying] = [seatOf(0), seatOf(1, silent.exchange)];
    for (const seat of [living, dying]) await seat.begin();
    const before = await seats.taken();
    silent.kill();
    for (let waited = 0; waited < 4 * lease; waited += 50) {
      await later(50);
      await seats.taken();
    }
    const after = await seats.taken();
    await living.end();
    silent.revive();
    await dying.end();
    await leadership.end();
    assert.is(before.length, 2);
    assert.equal(
      after.map(({ entry }) => entry),
      [living.entry],
    );
  });
});

test("one that was taken for dead leaves the seat to the other, and has no round any more", async () => {
  const { leadership, seatOf, seats } = await world(LEASE);
  const [old, other] = [seatOf(0), seatOf(0)];
  await old.begin();
  await other.begin();
  await leadership.publish(task(1, 0, old, other));
  assert.is((await other.nextTask(undefined))?.round, 1);
  const outcome = () =>
    old.requireRound(task(1, 0)).then(
      () => undefined,
      (error: Error) => error,
    );
  while ((await outcome()) === undefined) await later(10); // until its next sign of life
  assert.instance(await outcome(), SupersededError);
  assert.is(await old.nextTask(undefined), undefined);
  assert.equal(
    (await seats.taken()).map(({ entry }) => entry),
    [other.entry],
  );
  assert.is((await other.requireRound(task(1, 0))).attempt, 0);
  await old.end();
  assert.is((await seats.taken()).length, 1, "the end of the first is not that of the other");
  await other.end();
  await leadership.end();
});

test("a round that was dealt out anew, or is over, is not to be computed any more", async () => {
  const { leadership, seatOf } = await world();
  const seat = seatOf(0);
  await seat.begin();
  await leadership.publish(task(1, 1, seat));
  await seat.requireCurrent(task(1, 1));
  const outcome = (work: Promise<unknown>) =>
    work.then(
      () => "goes on",
      (error) => error.message,
    );
  assert.is(await outcome(seat.requireCurrent(task(1, 0))), "round 1 was dealt out anew");
  assert.is(await outcome(seat.requireRound(task(1, 0))), "goes on");
  assert.is(await outcome(seat.requireRound(task(2, 1))), "round 2 is over");
  await seat.end();
  await leadership.end();
});
