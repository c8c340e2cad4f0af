/** An evaluation whose documents are computed by workers: what it prints, and every loss, are those of one machine. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { temporaryName } from "../../src/platform/temporary.ts";
import { memorizing } from "../cli/child.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { writeSmallLlama } from "../train/small-foreign.ts";
import { Running } from "./processes.ts";

const test = suite("eval on a cluster");

test.after(() => Running.endAll()); // before the folder goes
const folder = folderFor(test, "cluster-eval");
const at = (name: string) => join(folder, name);
const inNode = process.versions.deno === undefined ? undefined : "workers are started as Node starts them";

/** Documents of several lengths, two of them equal, two of a single token. */
const TEXTS = [
  "the memory of a model ".repeat(30),
  "x",
  "const a = 1;\n".repeat(40),
  "the memory of a model ".repeat(30),
  "ab",
];

test.before(() => {
  fs.mkdirSync(at("documents"));
  for (const [index, text] of TEXTS.entries()) fs.writeFileSync(at(`documents/${index}.txt`), text);
});

function evaluation(losses: string, ...more: string[]): string[] {
  const options = ["--memory", "0,256", "--max-tokens", "200", "--recall", "--json", "--losses", at(losses)];
  return ["eval", "reader-1m", "--data", at("documents"), ...options, ...more];
}

test.unless(inNode, "two workers give every digit of one machine, from a loaded memory too", async () => {
  const saved = at("known.memory.safetensors");
  const read = memorizing("read", "reader-1m", at("documents/2.txt"), "--save", saved, "--memory", "300");
  assert.is(read.code, 0, read.stderr);
  const ended = spawnSync(process.execPath, ["--version"]).pid;
  const unfinished = temporaryName(at(`kept/trees/${"a".repeat(64)}`)).replace(`-${process.pid}-`, `-${ended}-`);
  fs.mkdirSync(unfinished, { recursive: true });
  const workers = [0, 1].map(() => new Running("worker", at("exchange"), "--dir", at("kept"), "--threads", "1"));
  for (const running of workers) await running.says("works for");
  for (const [index, more] of [[], ["--load", saved, "--set", "memory_topk=7"]].entries()) {
    const alone = memorizing(...evaluation(`alone-${index}`, ...more));
    assert.is(alone.code, 0, alone.stderr);
    const together = new Running(...evaluation(`together-${index}`, ...more, "--cluster", at("exchange")));
    const { code, output } = await together.ended;
    assert.is(code, 0, output);
    const last = output
      .trim()
      .split("\n")
      .filter((line) => line.startsWith("{"));
    assert.equal(last, [alone.stdout.trim()]);
    assert.is(fs.readFileSync(at(`together-${index}`), "utf8"), fs.readFileSync(at(`alone-${index}`), "utf8"));
  }
  const jobs = fs.readdirSync(at("exchange/maps/results")).length;
  assert.is(jobs, 2 * 2, "equal documents are read once, and those with nothing to predict never");
  for (const running of workers) assert.is((await running.end("SIGINT")).code, 0, running.output);
  assert.not.ok(fs.existsSync(unfinished), "what a killed worker left of its inputs is removed");
});

test.unless(
  inNode,
  "a model that others trained travels with what it reads by, and gives every digit of one machine",
  async () => {
    writeSmallLlama(at("llama"));
    const reading = ["--window", "9", "--neighbours", "4", "--memory", "0,30", "--max-tokens", "60"];
    const line = ["eval", at("llama"), "--data", at("documents"), ...reading, "--json", "--losses"];
    const alone = memorizing(...line, at("alone-llama"));
    assert.is(alone.code, 0, alone.stderr);
    const worker = new Running("worker", at("other-exchange"), "--dir", at("other-kept"), "--threads", "1");
    await worker.says("works for");
    const { code, output } = await new Running(...line, at("together-llama"), "--cluster", at("other-exchange")).ended;
    assert.is(code, 0, output);
    assert.match(output, alone.stdout.trim());
    assert.is(fs.readFileSync(at("together-llama"), "utf8"), fs.readFileSync(at("alone-llama"), "utf8"));
    assert.is((await worker.end("SIGINT")).code, 0, worker.output);
  },
);

test.unless(inNode, "documents with nothing to predict are refused as on one machine, and no worker is asked", () => {
  fs.writeFileSync(at("short.txt"), "x");
  const { code, stderr } = memorizing("eval", "reader-1m", "--data", at("short.txt"), "--cluster", at("unasked"));
  assert.is(code, 1);
  assert.match(stderr, "so there is nothing to predict");
  assert.equal(fs.readdirSync(at("unasked")), []);
});
