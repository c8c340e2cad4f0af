/** Offers of seats: what is lost, or over though the training goes on, is offered again; what is taken, or cannot be taken by anybody, is not. */
import { join } from "node:path";
import * as assert from "uvu/assert";
import { beginJob, failJob, getJob, keepResult, MOST_FAILURES } from "../../../src/cluster/jobs.ts";
import { openExchange } from "../../../src/cluster/open-exchange.ts";
import { programName } from "../../../src/cluster/program.ts";
import { SeatOffers } from "../../../src/cluster/training/seat-offers.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { filesOf, lead, newWorker, trainAlone } from "./world.ts";

const test = suite("offers of seats");

const folder = folderFor(test, "seat-offers");
const at = (name: string) => join(folder, name);
const QUEUE = "p".repeat(64);

async function world(name: string, count: number) {
  const exchange = await openExchange(at(name));
  const seatJob = (seat: number, turn: number) => ({
    kind: "seat",
    program: QUEUE,
    inputs: {},
    after: {},
    settings: { seat, turn },
  });
  const offers = await SeatOffers.make(exchange, seatJob, count);
  /** What can be taken, `[seat, turn]` each. */
  const taken = async () => {
    const all: { delivery: { job: string; acknowledge(): Promise<void> }; seat: string }[] = [];
    for (let next = await exchange.take(QUEUE, 0); next !== undefined; next = await exchange.take(QUEUE, 0)) {
      const { seat, turn } = (await getJob(exchange, next.job)).settings;
      all.push({ delivery: next, seat: `${seat}.${turn}` });
    }
    return all.sort((a, b) => (a.seat < b.seat ? -1 : 1));
  };
  return { exchange, offers, taken };
}

const seatsOf = (all: readonly { seat: string }[]) => all.map(({ seat }) => seat);

test("every seat is offered once, and what a worker has is not offered again", async () => {
  const { offers, taken } = await world("once", 3);
  assert.equal(seatsOf(await taken()), ["0.0", "1.0", "2.0"]);
  await offers.renew([]);
  assert.equal(await taken(), []);
  assert.is(await offers.failure(), undefined);
});

test("an offer that is lost is made again, unless somebody sits there", async () => {
  const { offers, taken } = await world("lost", 3);
  for (const { delivery } of await taken()) await delivery.acknowledge(); // gone from the queue, without a result
  await offers.renew([1]);
  assert.equal(seatsOf(await taken()), ["0.0", "2.0"]);
});

test("a seat whose job has a result is offered as another job, as often as it takes", async () => {
  const { exchange, offers, taken } = await world("over", 2);
  const result = { proof: "f".repeat(64), tree: "e".repeat(64), seconds: 1, worker: "one that was taken for dead" };
  for (const turn of [0, 1, 2]) {
    const [first, ...others] = await taken();
    assert.equal(seatsOf([first, ...others]), turn === 0 ? ["0.0", "1.0"] : [`0.${turn}`]);
    await keepResult(exchange, first.delivery.job, result);
    await first.delivery.acknowledge();
    await offers.renew([]);
  }
  assert.equal(seatsOf(await taken()), ["0.3"]);
});

test("seats that nobody can take are not offered again, and when all are such they say why", async () => {
  const { exchange, offers, taken } = await world("dead", 2);
  for (const { delivery } of await taken()) {
    assert.is(await offers.failure(), undefined);
    for (let failure = 0; failure < MOST_FAILURES; failure++) await failJob(exchange, delivery.job, "no room");
    await delivery.acknowledge();
  }
  await offers.renew([]);
  assert.equal(await taken(), []);
  assert.is(await offers.failure(), "no room");
});

test("a seat that too many workers took and left is another job from then on", async () => {
  const { exchange, offers, taken } = await world("left", 1);
  const [first] = await taken();
  await offers.renew([0]); // somebody sits there
  while (await beginJob(exchange, first.delivery.job));
  await first.delivery.acknowledge();
  assert.is(await offers.failure(), undefined);
  await offers.renew([]);
  assert.equal(seatsOf(await taken()), ["0.1"]);
});

test("a training whose offers were all lost is computed by a worker that comes later", async () => {
  const training = { options: { gradients: "rows", batchSize: 3, steps: 3 }, workers: 2 } as const;
  await trainAlone(training, at("alone"));
  const place = at("all-lost");
  const led = await lead(place, training);
  const thief = await openExchange(place);
  for (let seat = 0; seat < 2; seat++) await (await thief.take(programName(), 60_000))?.acknowledge();
  const worker = await newWorker(place);
  await led.run(at("together"));
  await worker.ended;
  const [found, wanted] = [filesOf(at("together")), filesOf(at("alone"))];
  for (const [path, content] of wanted) assert.is(found.get(path), content, path);
});
