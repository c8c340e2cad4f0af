/** `--sync step` over a directory: every file is that of one machine, whoever computes, dies, comes or leads. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openExchange } from "../../../src/cluster/open-exchange.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { inTime } from "../../in-time.ts";
import { mortal } from "./mortal.ts";
import { filesOf, LEASE, lead, newWorker, requireOwnStart, type Training, trainAlone } from "./world.ts";

const test = suite("training together in every step");

const folder = folderFor(test, "together-step");
const at = (name: string) => join(folder, name);

const training: Training = {
  options: {
    gradients: "rows",
    batchSize: 3,
    steps: 8,
    warmupSteps: 2,
    learningRate: 0.01,
    checkpointEvery: 3,
    evaluateEvery: 4,
    stalenessEvery: 2,
    memorySizes: [2, 17],
    keep: 9,
  },
  workers: 2,
};

/** `more`: a checkpoint that only this run has. */
function requireSame(out: string, more = "none"): void {
  const [found, wanted] = [filesOf(at(out)), filesOf(at("alone"))];
  assert.equal(
    [...found.keys()].filter((path) => !path.startsWith(more)),
    [...wanted.keys()],
  );
  for (const [path, content] of wanted) assert.is(found.get(path), content, path);
}

test.before(() => trainAlone(training, at("alone")));

test("the run of one machine, to compare with: its checkpoints, and a line for each step and evaluation", () => {
  const names = ["checkpoint-3", "checkpoint-6", "checkpoint-8"];
  const files = ["config.json", "metrics.jsonl", "model.safetensors", "tokenizer.json"];
  assert.equal(fs.readdirSync(at("alone")).sort(), [...names, ...files]);
  assert.is([...filesOf(at("alone"))].filter(([path]) => path.startsWith("checkpoint-3")).length, 5);
  assert.is(fs.readFileSync(at("alone/metrics.jsonl"), "utf8").trimEnd().split("\n").length, 8 + 2);
});

test("one worker, two, and three give every file of one machine", async () => {
  for (const workers of [1, 2, 3]) {
    const place = at(`exchange-${workers}`);
    const led = await lead(place, { ...training, workers });
    const all = await Promise.all(Array.from({ length: workers }, () => newWorker(place)));
    await led.run(at(`together-${workers}`));
    await Promise.all(all.map(({ ended }) => ended));
    requireSame(`together-${workers}`);
  }
});

test("a worker that is killed at any write is replaced, and a bit more or less is nowhere", async () => {
  for (const killAfter of [1, 9, 16, 24]) {
    await inTime(LEASE, async (lease) => {
      const place = at(`killed-${killAfter}-${lease}`);
      const led = await lead(place, training, { lease });
      const [first, second] = [await newWorker(place, {}, lease), await newWorker(place, { killAfter }, lease)];
      await Promise.all([first.seated, second.seated]);
      const third = await newWorker(place, {}, lease); // gets a seat when one is free
      await led.run(`${place}-out`);
      await Promise.all([first.ended, second.ended, third.ended]);
      assert.ok(second.writes() >= killAfter, "it was never killed");
      requireSame(`killed-${killAfter}-${lease}-out`);
    });
  }
});

test("when a worker leaves for good, the other has all rows", async () => {
  const place = at("left");
  const led = await lead(place, training);
  const [first, second] = [await newWorker(place), await newWorker(place, { killAfter: 24 })];
  await led.run(at("left-out"));
  await Promise.all([first.ended, second.ended]);
  assert.ok(second.writes() >= 24, "it was never killed");
  requireSame("left-out");
});

test("an end in the midst of a round loses nothing: the next leader goes on", async () => {
  const place = at("resumed");
  const worker = newWorker(place);
  const first = await lead(place, { ...training, workers: 1 });
  const ending = new AbortController();
  const advance = first.course.advance.bind(first.course);
  let rounds = 0;
  first.course.advance = (signal) => {
    if (++rounds === 4) setTimeout(() => ending.abort(), 1);
    return advance(signal);
  };
  await first.run(at("resumed-out"), ending.signal);
  await (await worker).ended;
  assert.ok(!fs.existsSync(at("resumed-out/checkpoint-8")), "it was over before it could be ended");
  const next = newWorker(place);
  const second = await lead(place, { ...training, workers: 1 }, { resumes: at("resumed-out") });
  await second.run(at("resumed-out"));
  await (await next).ended;
  requireSame("resumed-out", "checkpoint-4");
});

test("a leader that is killed is followed by another elsewhere, which writes every line of metrics", async () => {
  const place = at("followed");
  const worker = newWorker(place);
  const silent = mortal(await openExchange(place, { lease: LEASE }));
  const first = await lead(place, { ...training, workers: 1 }, { exchange: silent.exchange });
  const advance = first.course.advance.bind(first.course);
  let rounds = 0;
  first.course.advance = (signal) => {
    if (++rounds === 4) silent.kill();
    return advance(signal);
  };
  const message = await first.run(at("lost-out")).catch((error: Error) => error.message);
  assert.match(String(message), "this process was killed");
  const next = newWorker(place);
  const second = await lead(place, { ...training, workers: 1 });
  await second.run(at("followed-out"));
  await Promise.all([(await worker).ended, (await next).ended]);
  requireSame("followed-out");
});

test("the same command with other first weights is another training, though the exchange has the end of the first", () =>
  requireOwnStart({ ...training, workers: 1 }, at));
