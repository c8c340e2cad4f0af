/** A worker that was stopped before it read the state of a round, and goes on when the others are rounds ahead: it fails nobody. */
import { join } from "node:path";
import * as assert from "uvu/assert";
import { nameOf } from "../../../src/cluster/blocks.ts";
import type { Exchange } from "../../../src/cluster/exchange.ts";
import { openExchange } from "../../../src/cluster/open-exchange.ts";
import { readRecord } from "../../../src/cluster/records.ts";
import { Leadership } from "../../../src/cluster/training/leadership.ts";
import { Slots } from "../../../src/cluster/training/slots.ts";
import { flatLength } from "../../../src/train/flat-parameters.ts";
import { parseTrainingOptions } from "../../../src/train/options.ts";
import type { RoundOptions } from "../../../src/train/together/round-options.ts";
import { keepShared } from "../../../src/train/together/round-slots.ts";
import { sit } from "../../../src/train/together/sit.ts";
import { Trainer } from "../../../src/train/trainer.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { until } from "../world.ts";
import { documents, newModel } from "./world.ts";

const test = suite("a worker that comes back late");

const folder = folderFor(test, "late-worker");
const TRAINING = nameOf(new Uint8Array([20]));
const LEASE = 600_000;
const options = parseTrainingOptions({ batchSize: 2, gradients: "rows" }, "options");

/** The exchange of a worker that is stopped before it reads a slot called `slot`, until `act` resolves. It tells of errors in its seat. */
function stopping(exchange: Exchange, slot: string, act: () => Promise<void>, tell: (error: string) => void): Exchange {
  const read: Exchange["read"] = async (map, key) => {
    if (map === "slots" && key.includes(slot)) await act();
    return exchange.read(map, key);
  };
  const write: Exchange["write"] = (map, key, value, revision) => {
    const { error = null } = map === "seats" ? (JSON.parse(new TextDecoder().decode(value)) ?? {}) : {};
    if (error !== null) tell(error);
    return exchange.write(map, key, value, revision);
  };
  const own = new Map<unknown, unknown>(Object.entries({ read, write }));
  return new Proxy(exchange, { get: (target, key) => own.get(key) ?? Reflect.get(target, key) });
}

/** What the seat says of a worker that has round 1, whose state is not there. With `goesOn` the others have begun round 3 by then. */
async function errorsOf(slot: string, rounds: RoundOptions | null, goesOn: boolean): Promise<string[]> {
  const exchange = await openExchange(join(folder, `${slot}-${goesOn}`));
  const leadership = (await Leadership.take(exchange, TRAINING, { lease: LEASE }))!;
  const model = newModel();
  const trainer = new Trainer(model, documents, options);
  const count = flatLength(model.parameters);
  const shared = { weights: new Float32Array(count), velocity: new Float32Array(count) };
  await keepShared(new Slots(exchange, TRAINING), 1, "1-a", shared);
  const places = [0, 1].map(() => ({ slot: 1, tag: "1" }));
  const begin = { record: trainer.save().record, shared: "1-a", parts: places, seconds: 0 };
  const publish = (round: number, entries: readonly unknown[]) => {
    const members = entries.map((entry, index) => ({ entry: String(entry), from: index, to: index + 1 }));
    return leadership.publish({ round, attempt: 0, step: 0, steps: 1, members, begin });
  };
  const errors: string[] = [];
  const others = async () => {
    if (goesOn) await publish(3, []).then(() => leadership.end());
  };
  const own = stopping(exchange, slot, others, (error) => void errors.push(error));
  const settings = { training: TRAINING, leader: leadership.name, seat: 0, config: model.config, options, rounds };
  const late = sit(own, settings, documents, { worker: "a worker", lease: LEASE });
  const seated = () => readRecord(exchange, "seats", `${TRAINING.slice(0, 16)}_0`);
  await until(async () => (await seated()) !== undefined);
  await publish(1, [(await seated())?.entry]);
  if (!goesOn) await until(async () => errors.length > 0).then(() => leadership.end());
  await late;
  for (const one of [trainer, model]) one.release();
  return errors;
}

for (const [sync, rounds, slot, message] of [
  ["step", null, "shared-1", "the state of round 1 is not there any more"],
  [
    "1",
    { every: 1, parts: 2, outerRate: 1, outerMomentum: 0 },
    "part-0-1",
    "the slot part-0-1 does not have 1 any more",
  ],
] as const) {
  test(`--sync ${sync}: a state that is gone because the others went on is no failure`, async () => {
    assert.equal(await errorsOf(slot, rounds, true), []);
  });

  test(`--sync ${sync}: a state that is gone in the present round is one`, async () => {
    assert.equal(await errorsOf(slot, rounds, false), [message]);
  });
}
