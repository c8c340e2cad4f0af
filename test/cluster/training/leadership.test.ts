/** Leading a training: one at a time, and whoever was taken for dead changes nothing any more. */
import { join } from "node:path";
import * as assert from "uvu/assert";
import { nameOf } from "../../../src/cluster/blocks.ts";
import { openExchange } from "../../../src/cluster/open-exchange.ts";
import { Leadership } from "../../../src/cluster/training/leadership.ts";
import { readTraining, type Task } from "../../../src/cluster/training/training-record.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { inTime } from "../../in-time.ts";
import { loses } from "../loses.ts";
import { mortal } from "./mortal.ts";

const test = suite("leadership");

const folder = folderFor(test, "leadership");
const TRAINING = nameOf(new Uint8Array([20]));
/** Milliseconds, of a lease that is to end, and of others. */
const LEASE = 300;
const LONG_LEASE = 600_000;
let count = 0;

const newExchange = () => openExchange(join(folder, `${count++}`));
const task = (round: number): Task => ({ round, attempt: 0, step: 0, steps: 1, members: [], begin: {} });

test("a small example, written out: the second waits for the first to end, and knows its last round", async () => {
  await inTime(LEASE, async (lease) => {
    const exchange = await newExchange();
    const first = await Leadership.take(exchange, TRAINING, { lease });
    await first!.publish(task(7));
    let told = 0;
    const waiting = Leadership.take(exchange, TRAINING, { lease, onWait: () => told++ });
    await new Promise((resolve) => setTimeout(resolve, 2 * lease));
    const leader = (await readTraining(exchange, TRAINING))?.leader;
    await first!.end();
    const second = await waiting;
    const last = (await readTraining(exchange, TRAINING))?.leader;
    await second!.end();
    assert.is(leader, first!.name, "signs of life keep it, longer than a lease");
    assert.is(told, 1);
    assert.is(second!.task?.round, 7);
    assert.is(last, second!.name);
  });
});

test("one that falls silent loses the lead, and what it writes later is refused", async () => {
  const exchange = await newExchange();
  const silent = mortal(exchange);
  const first = await Leadership.take(silent.exchange, TRAINING, { lease: LEASE });
  silent.kill();
  const second = await Leadership.take(exchange, TRAINING, { lease: LEASE });
  await second!.publish(task(2));
  silent.revive();
  const message = await first!.publish(task(9)).catch((error: Error) => `${error.name}: ${error.message}`);
  assert.is(message, "InputError: another command leads this training now, so this one ends; nothing is lost");
  assert.throws(() => first!.require(), /another command leads/);
  assert.is((await readTraining(exchange, TRAINING))?.task?.round, 2);
  await first!.end();
  assert.is((await readTraining(exchange, TRAINING))?.leader, second!.name, "its end is not the other's");
  await second!.end();
});

test("of several that come at once exactly one leads", async () => {
  const exchange = await newExchange();
  const ending = new AbortController();
  const options = { lease: LONG_LEASE, signal: ending.signal };
  const all = Array.from({ length: 5 }, () => Leadership.take(exchange, TRAINING, options));
  const first = await Promise.race(all);
  assert.ok(first);
  ending.abort();
  const led = (await Promise.all(all)).filter((leadership) => leadership !== undefined);
  assert.is(led.length, 1);
  await first!.end();
});

test("a write whose answer was lost counts, the first too, and the next one follows it", async () => {
  const exchange = await newExchange();
  const lost = loses(exchange);
  const options = { lease: LONG_LEASE, onWait: () => assert.unreachable("it waited for itself") };
  const leadership = await Leadership.take(lost.exchange, TRAINING, options);
  await leadership!.publish(task(1));
  await leadership!.publish(task(2));
  lost.end();
  await leadership!.publish(task(3));
  assert.is((await readTraining(exchange, TRAINING))?.task?.round, 3);
  await leadership!.end();
});
