/** Records of a training that this program did not write: they are set aside, and the training goes on as if there had been none. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { nameOf } from "../../../src/cluster/blocks.ts";
import type { Exchange } from "../../../src/cluster/exchange.ts";
import { openExchange } from "../../../src/cluster/open-exchange.ts";
import { Leadership } from "../../../src/cluster/training/leadership.ts";
import { Seat, Seats } from "../../../src/cluster/training/seats.ts";
import { readTraining } from "../../../src/cluster/training/training-record.ts";
import { trainingsOf } from "../../../src/cluster/training/training-status.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { DAMAGES, holdsAt, overwrite } from "../places.ts";
import { filesOf, lead, newModel, newWorker, type Training, trainAlone } from "./world.ts";

const test = suite("hostile records of a training");

const folder = folderFor(test, "hostile-training");
let count = 0;
const newFolder = () => join(folder, `${count++}`);
const holds = holdsAt(test, newFolder);
const TRAINING = nameOf(new Uint8Array([20]));
const bytes = (text: string) => new TextEncoder().encode(text);

/** Damages every record of a training, but for the pieces of slots. */
async function damageAll(exchange: Exchange): Promise<void> {
  for (const map of ["trainings", "seats", "slots"]) {
    const keys = await exchange.keys(map);
    const isPiece = (key: string) => /.*_.*_\d+$/.test(key) && map === "slots";
    for (const [index, key] of keys.filter((each) => !isPiece(each)).entries()) {
      await overwrite(exchange, map, key, bytes(DAMAGES[index % DAMAGES.length]));
    }
  }
}

holds(
  "looking at a damaged record changes nothing; reading it sets it aside, and then anybody may lead",
  async (place) => {
    const exchange = await openExchange(place);
    for (const damage of DAMAGES) {
      await overwrite(exchange, "trainings", TRAINING, bytes(damage));
      const sentences: string[] = [];
      assert.equal(await trainingsOf(exchange, sentences), []);
      assert.is(sentences.length, 1, damage.slice(0, 99));
      assert.is(await readTraining(exchange, TRAINING), undefined);
      await overwrite(exchange, "trainings", TRAINING, bytes(damage));
      const leadership = (await Leadership.take(exchange, TRAINING, { lease: 2000 }))!;
      assert.is((await readTraining(exchange, TRAINING))?.leader, leadership.name);
      await leadership.end();
    }
    await exchange.close();
  },
);

holds("a damaged seat is empty", async (place) => {
  const exchange = await openExchange(place);
  const seats = new Seats(exchange, TRAINING, "a leader", 1);
  const options = { training: TRAINING, leader: "a leader", seat: 0, worker: "a worker", lease: 600_000 };
  for (const damage of DAMAGES) {
    const seat = new Seat(exchange, options);
    await seat.begin();
    assert.is((await seats.taken()).length, 1);
    for (const key of await exchange.keys("seats")) await overwrite(exchange, "seats", key, bytes(damage));
    assert.equal(await seats.taken(), []);
    await seat.end();
  }
  await exchange.close();
});

const every: Training["options"] = { batchSize: 3, steps: 6, learningRate: 0.01, checkpointEvery: 3, evaluateEvery: 3 };
const trainings: Readonly<Record<string, Training>> = {
  step: { options: { ...every, gradients: "rows" }, workers: 1 },
  H: { options: every, rounds: { every: 3, parts: 1, outerRate: 0.7, outerMomentum: 0.9 } },
};

for (const [sync, training] of Object.entries(trainings)) {
  holds(`--sync ${sync}: a training whose records are all damaged goes on from its checkpoint`, async (place) => {
    const [alone, out] = [newFolder(), newFolder()];
    await trainAlone(training, alone);
    const worker = newWorker(place);
    const first = await lead(place, training);
    const ending = new AbortController();
    const advance = first.course.advance.bind(first.course);
    first.course.advance = async (signal) => {
      if (first.course.step === 3) ending.abort();
      return first.course.step === 3 ? [] : advance(signal);
    };
    await first.run(out, ending.signal);
    await (await worker).ended;
    await (await worker).exchange.close();
    assert.ok(!fs.existsSync(join(out, "checkpoint-6")), "it was over before it could be ended");
    await damageAll(first.exchange);
    await first.exchange.close();
    const next = newWorker(place);
    const second = await lead(place, training, { resumes: out });
    await second.run(out);
    await (await next).ended;
    for (const { exchange } of [second, await next]) await exchange.close();
    const [found, wanted] = [filesOf(out), filesOf(alone)];
    for (const [path, content] of wanted) assert.is(found.get(path), content, path);
  });
}

test("a training whose record was lost takes no state of the one before for its own", async () => {
  const training: Training = { options: { batchSize: 3, steps: 2, gradients: "rows" }, workers: 1 };
  const [place, alone] = [newFolder(), newFolder()];
  await trainAlone(training, alone, newModel(2));
  for (const seed of [1, 2]) {
    const worker = newWorker(place);
    const led = await lead(place, training, { model: newModel(seed) });
    const out = newFolder();
    await led.run(out);
    await (await worker).ended;
    const isSame = filesOf(out).get("model.safetensors") === filesOf(alone).get("model.safetensors");
    assert.is(isSame, seed === 2);
    for (const key of await led.exchange.keys("trainings"))
      await overwrite(led.exchange, "trainings", key, bytes("{}"));
  }
});
