/** `train --cluster` with processes: its files are those of `train` without, whoever is killed, and wrong uses are one sentence. */
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { memorizing } from "../cli/child.ts";
import { tinyOverrides, writeTinyCorpus } from "../experiments/tiny.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { writeSmallLlama } from "../train/small-foreign.ts";
import { noServer } from "./nats-server.ts";
import { Running } from "./processes.ts";
import { filesOf } from "./training/world.ts";
import { underFire } from "./under-fire.ts";

const test = suite("train on a cluster");

test.after(() => Running.endAll()); // before the folder goes
const folder = folderFor(test, "cluster-train");
const at = (name: string) => join(folder, name);
const inNode = process.versions.deno === undefined ? undefined : "workers are started as Node starts them";

function training(out: string, sync: string, ...more: string[]): string[] {
  const options = ["--steps", "12", "--batch-size", "3", "--warmup", "2", "--checkpoint-every", "6", "--keep", "9"];
  const model = ["--set", ...tinyOverrides, "dropout=0.1"];
  return ["train", "--data", at("math/train"), "--out", at(out), "--sync", sync, ...options, ...more, ...model];
}

function worker(place: string, dir: string): Running {
  return new Running("worker", place, "--dir", at(dir), "--lease", "2", "--threads", "1");
}

function requireSame(out: string, alone: string): void {
  const [found, wanted] = [filesOf(at(out)), filesOf(at(alone))];
  assert.equal([...found.keys()], [...wanted.keys()]);
  for (const [path, content] of wanted) assert.is(found.get(path), content, path);
}

test.before(() => {
  writeTinyCorpus(at("math"));
  for (const [out, ...line] of [
    ["alone-step", "step"],
    ["alone-rounds", "6", "--workers", "2"],
  ]) {
    const { code, stderr } = memorizing(...training(out, line[0], ...line.slice(1), "--threads", "1"));
    assert.is(code, 0, stderr);
  }
});

test.unless(inNode, "two workers give every file of one machine, in every step and in rounds", async () => {
  const place = at("exchange");
  const workers = [worker(place, "shared"), worker(place, "shared")];
  for (const running of workers) await running.says("works for");
  for (const [out, sync] of [
    ["step", "step"],
    ["rounds", "6"],
  ]) {
    const { code, output } = await new Running(...training(out, sync, "--cluster", place, "--workers", "2")).ended;
    assert.is(code, 0, output);
    assert.match(output, `${at(out)}: checkpoint of step 12`);
    requireSame(out, `alone-${out}`);
  }
  const again = await new Running(...training("step", "step", "--cluster", place, "--workers", "2")).ended;
  assert.match(again.output, "step 12 of 12 is done already");
  requireSame("step", "alone-step");
  const { trainings } = JSON.parse(memorizing("cluster", "status", place, "--json").stdout);
  assert.equal(
    trainings.map(({ isLed, step, steps }: Record<string, unknown>) => [isLed, step, steps]),
    [
      [false, 6, 6],
      [false, 6, 6],
    ],
  );
  assert.match(memorizing("cluster", "status", place).stdout, /^ +[0-9a-f]{12} .* its command has ended$/m);
  for (const running of workers) assert.is((await running.end("SIGINT")).code, 0, running.output);
});

test.unless(
  inNode,
  "Ctrl-C leaves a training that the same command goes on with, at another number of workers",
  async () => {
    const place = at("left");
    const line = (workers: string) => training("left-out", "step", "--cluster", place, "--workers", workers);
    const first = new Running(...line("2"));
    await first.says("waiting for 2 workers, none is there; start more with: memorizing worker");
    assert.is((await first.end("SIGINT")).code, 130, first.output);
    assert.match(first.output, "interrupted before the first step was done; the same command begins anew");
    const running = worker(place, "left-worker");
    const second = await new Running(...line("1")).ended;
    assert.is(second.code, 0, second.output);
    requireSame("left-out", "alone-step");
    await running.end("SIGINT");
  },
);

test.unless(inNode ?? noServer, "the same on a server, with kill -9 of workers and server in between", async () => {
  const line = (place: string) => training("fire-out", "step", "--cluster", place, "--workers", "2");
  const wanted = { worker: 2, client: 0, server: 1 };
  const { kills } = await underFire({ folder: at("fire"), line, workers: 3, wanted, writes: 20 });
  assert.equal(kills, wanted);
  requireSame("fire-out", "alone-step");
});

test("wrong uses are refused in a sentence, and nothing is written", () => {
  const refused = (...line: string[]) => {
    const { code, stderr } = memorizing(...line);
    assert.ok(code === 1 || code === 2, stderr);
    assert.not.match(stderr, /^ +at /m);
    return stderr;
  };
  const base = ["train", "--data", at("math/train"), "--out", at("none")];
  const cluster = ["--cluster", at("no-exchange")];
  for (const [line, message] of [
    [["--sync", "often"], '--sync must be step, or a whole number of steps from 1 on, not "often"'],
    [["--sync", "0"], '--sync must be step, or a whole number of steps from 1 on, not "0"'],
    [cluster, "needs --sync step, or --sync H for H steps between two exchanges"],
    [["--workers", "2"], "--workers means nothing without --cluster, or --sync H"],
    [["--sync", "step", "--workers", "2"], "--workers means nothing without --cluster, or --sync H"],
    [["--sync", "step", "--outer-rate", "1"], "--outer-rate means nothing without --sync H"],
    [["--outer-momentum", "0"], "--outer-momentum means nothing without --sync H"],
    [["--sync", "9", "--quorum", "1"], "--quorum means nothing without --cluster"],
    [[...cluster, "--sync", "9", "--quorum", "1"], "--quorum N and --deadline SECONDS need each other"],
    [
      [...cluster, "--sync", "9", "--workers", "2", "--quorum", "3", "--deadline", "1"],
      "--quorum 3 is more than --workers 2",
    ],
    [[...cluster, "--sync", "9", "--quorum", "8", "--deadline", "1"], "--quorum 8 is more than the 1 part of the run"],
    [[...cluster, "--sync", "step", "--workers", "9"], "--workers 9 is more than the 8 rows of a step (--batch-size)"],
    [["--sync", "9", "--workers", "9"], "9 workers are more than the 8 rows of a batch (batchSize)"],
    [["--sync", "9", "--workers", "4"], "4 workers need 4 documents of two tokens or more, one each, and there are 3"],
    [["--sync", "9", "--checkpoint-every", "10"], "checkpointEvery is 10, but only every 9 steps (--sync 9)"],
  ] as const) {
    assert.match(refused(...base, ...line), message);
  }
  writeSmallLlama(at("llama"));
  const foreign = ["--from", at("llama"), "--only", "all", "--sync", "step", ...cluster];
  assert.match(refused(...base, ...foreign), "is a model that others trained, and those are trained on one machine");
  for (const name of ["none", "no-exchange"]) assert.not.ok(fs.existsSync(at(name)), name);
  const rounds = refused(...training("alone-rounds", "7", "--resume"));
  assert.match(rounds, "has --sync 6; a resumed run keeps how its rows are put together");
  assert.match(refused(...training("alone-step", "6", "--resume")), "has --sync step; a resumed run keeps");
  assert.match(refused(...training("alone-rounds", "6", "--workers", "3", "--resume")), "has --workers 2; a resumed");
});
