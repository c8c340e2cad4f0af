/** Trainings that are killed, interrupted, damaged or started twice. The long version is `npm run test:crash`. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { newestCheckpoint } from "../../src/train/run-directory.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { HANGS } from "../in-time.ts";
import { differences, trainingArguments, trainToEnd, trainUnderFire } from "../reliability/crash-training.ts";
import { commandLine, memorizing, scriptLine } from "./child.ts";

const test = suite("crash");

const folder = folderFor(test, "crash-test");
const at = (name: string) => join(folder, name);

const trainingIn = (out: string, steps: number) => trainingArguments(folder, at(out), steps);

/** A process that runs the program, once `isReady`. */
async function started(args: readonly string[], isReady: () => boolean): Promise<ChildProcess> {
  const child = spawn(...commandLine(args));
  let said = "";
  child.stderr.on("data", (text) => (said += text));
  while (child.exitCode === null && !isReady()) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.is(child.exitCode, null, said);
  return child;
}

const metricsIn = (out: string) => {
  const path = at(`${out}/metrics.jsonl`);
  return fs.existsSync(path) ? fs.readFileSync(path, "utf8") : "";
};

test("a training that was killed four times ends as one that never was: weights, moments, memories, metrics", async () => {
  await trainToEnd(trainingIn("whole", 30));
  await trainUnderFire(trainingIn("killed", 30), 4, new Random(7));
  await trainToEnd(trainingIn("killed", 30));
  assert.equal(differences(at("whole"), at("killed")), []);
});

test("a damaged newest checkpoint costs a line of warning and the steps since the one before, and no more", () => {
  fs.cpSync(at("whole"), at("damaged"), { recursive: true });
  const newest = at("damaged/checkpoint-30");
  fs.truncateSync(`${newest}/trainer.safetensors`, 500);
  const { code, stderr } = memorizing(...trainingIn("damaged", 30), "--resume");
  assert.is(code, 0, stderr);
  const warnings = stderr.split("\n").filter((line) => line.includes("warning"));
  assert.is(warnings.length, 1);
  assert.match(warnings[0], `warning: ${newest}/trainer.safetensors is damaged: it has 500 bytes since`);
  assert.match(warnings[0], `going on from ${at("damaged/checkpoint-27")} instead`);
  assert.equal(differences(at("whole"), at("damaged")), []);
});

test("a second training in the same directory is refused, and the first goes on", async () => {
  const args = trainingIn("shared", 1_000_000);
  const first = await started(args, () => fs.existsSync(at("shared/checkpoint-3")));
  const { code, stdout, stderr } = memorizing(...args, "--resume");
  const advice = "is training there; wait for its end or stop it first";
  assert.equal([code, stdout, stderr], [1, "", `${at("shared")} is in use: process ${first.pid} ${advice}\n`]);
  assert.is(first.exitCode, null);
  process.kill(first.pid!, "SIGINT");
  assert.is((await once(first, "close"))[0], 130);
  assert.not.ok(fs.existsSync(at("shared/training.lock")));
});

/** A training whose evaluations take for ever, in the first of them. */
async function evaluating(out: string): Promise<ChildProcess> {
  fs.mkdirSync(at("long"), { recursive: true });
  fs.writeFileSync(at("long/text.txt"), "a long way to go, ".repeat(20_000));
  const args = trainingIn(out, 8);
  args[args.indexOf("--eval-data") + 1] = at("long");
  return started(args, () => metricsIn(out).includes('{"step":4,'));
}

test("Ctrl-C in an evaluation saves and stops before it is over; the resumed run makes up for the evaluation", async () => {
  const child = await evaluating("evaluating");
  process.kill(child.pid!, "SIGINT");
  assert.is((await once(child, "close"))[0], 130);
  assert.not.match(metricsIn("evaluating"), '"evaluation"');
  assert.is(newestCheckpoint(at("evaluating")).record.step, 4);
  assert.is(memorizing(...trainingIn("evaluating", 8), "--resume").code, 0);
  await trainToEnd(trainingIn("not-stopped", 8));
  const others = differences(at("not-stopped"), at("evaluating")).filter((name) => !/checkpoint-[34]/.test(name));
  assert.equal(others, []);
});

/** Exit code and signal of a process, which is killed if it hangs. */
async function ended(child: ChildProcess): Promise<unknown[]> {
  const stuck = setTimeout(() => child.kill("SIGKILL"), HANGS);
  return once(child, "close").finally(() => clearTimeout(stuck));
}

/** Whether a SIGINT has not reached a process yet, so that another one would be one with it. Told by Linux. */
function isPending(pid: number): boolean {
  const path = `/proc/${pid}/status`;
  const status = fs.existsSync(path) ? fs.readFileSync(path, "utf8") : "";
  const [, digit = "0"] = /^ShdPnd:\s*[0-9a-f]*([0-9a-f])$/m.exec(status) ?? [];
  return (Number.parseInt(digit, 16) & 2) !== 0;
}

for (const [how, sign] of [
  ["waiting", "interrupted"],
  ["computing", "computing"],
]) {
  test(`a second Ctrl-C ends a program that goes on ${how} after the first`, async () => {
    const child = spawn(...scriptLine("test/cli/stubborn", [how]));
    let said = "";
    child.stdout.on("data", (text) => (said += text));
    for (const awaited of ["begun", sign]) {
      while (child.exitCode === null && !said.endsWith(awaited)) await new Promise((resolve) => setTimeout(resolve, 5));
      process.kill(child.pid!, "SIGINT");
    }
    const [code, signal] = await ended(child); // by itself it never does
    assert.ok(code === 130 || signal === "SIGINT", `${code} ${signal}`);
  });
}

const asOne = process.versions.deno === undefined ? "" : "Deno hears two signals that come while it computes as one";

test.unless(asOne, "two Ctrl-C within one step end the program when it is over, by the program itself", async () => {
  const child = spawn(...scriptLine("test/cli/stubborn", ["deaf", at("step is over")]));
  let said = "";
  child.stdout.on("data", (text) => (said += text));
  while (child.exitCode === null && said !== "begun") await new Promise((resolve) => setTimeout(resolve, 5));
  for (let time = 0; time < 2; time++) {
    process.kill(child.pid!, "SIGINT");
    do await new Promise((resolve) => setTimeout(resolve, 100));
    while (isPending(child.pid!));
  }
  fs.writeFileSync(at("step is over"), "");
  assert.equal(await ended(child), [130, null]);
  assert.is(said, "beguninterrupted");
});
