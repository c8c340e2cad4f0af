/**
 * An experiment on a cluster of processes: its table is that of one machine, bit for bit, whatever is killed on the way.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { memorizing } from "../cli/child.ts";
import { tinyOverrides, writeTinyCorpus } from "../experiments/tiny.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { noServer } from "./nats-server.ts";
import { Running } from "./processes.ts";
import { underFire } from "./under-fire.ts";

const test = suite("experiment on a cluster");

test.after(() => Running.endAll()); // before the folder goes
const folder = folderFor(test, "cluster-experiment");
const at = (name: string) => join(folder, name);
const inNode = process.versions.deno === undefined ? undefined : "workers are started as Node starts them";

const EXPERIMENT = "gates";
const TINY = ["--budget", "900", "--eval-tokens", "60", "--set", ...tinyOverrides];

function experiment(out: string, ...more: string[]): string[] {
  return ["experiment", EXPERIMENT, "--corpus", at("math"), "--out", at(out), ...more, ...TINY];
}

function worker(place: string, dir: string): Running {
  return new Running("worker", place, "--dir", at(dir), "--lease", "2", "--threads", "1");
}

/** All that the report says but how long it took and where. */
function tableIn(out: string): string {
  const lines = fs.readFileSync(at(`${out}/${EXPERIMENT}/table.md`), "utf8").split("\n");
  return lines.filter((line) => !/^- (hours|machine): /.test(line)).join("\n");
}

/** The weights of all models, as they are on disk. */
function modelsIn(out: string): Map<string, string> {
  const models = at(`${out}/models/math`);
  const cells = fs.readdirSync(models).filter((name) => fs.existsSync(join(models, name, "model.safetensors")));
  return new Map(cells.map((name) => [name, fs.readFileSync(join(models, name, "model.safetensors"), "base64")]));
}

function requireSame(out: string): void {
  assert.is(tableIn(out), tableIn("alone"));
  assert.equal([...modelsIn(out)], [...modelsIn("alone")]);
}

test.before(() => {
  writeTinyCorpus(at("math"));
  if (inNode !== undefined) return;
  const { code, stderr } = memorizing(...experiment("alone", "--threads", "1"));
  assert.is(code, 0, stderr);
});

test.unless(
  inNode,
  "two workers with a directory give the table of one machine, and status tells of them",
  async () => {
    const place = at("exchange");
    const workers = [worker(place, "shared"), worker(place, "shared")];
    for (const running of workers) await running.says("works for");
    const { code, output } = await new Running(...experiment("together", "--cluster", place)).ended;
    assert.is(code, 0, output);
    requireSame("together");
    assert.match(output, `${at("together")}/${EXPERIMENT}: index.html, table.md and results.json`);
    const status = memorizing("cluster", "status", place);
    assert.match(status.stdout, new RegExp(`^ +experiment ${EXPERIMENT} .* 0 +nothing$`, "m"));
    assert.is(JSON.parse(memorizing("cluster", "status", place, "--json").stdout).workers.length, 2);
    for (const running of workers) assert.is((await running.end("SIGINT")).code, 0);
    assert.is(JSON.parse(memorizing("cluster", "status", place, "--json").stdout).workers.length, 0);
    const again = await new Running(...experiment("again", "--cluster", place)).ended;
    assert.is(again.code, 0, "nobody works, and nothing is left to compute");
    requireSame("again");
  },
);

test.unless(inNode, "Ctrl-C on the client leaves the sweep running, and the same command joins it", async () => {
  const place = at("left");
  const first = new Running(...experiment("left-out", "--cluster", place));
  while (!fs.existsSync(join(place, "maps/sweeps")) && first.isRunning)
    await new Promise((done) => setTimeout(done, 50));
  const { code, output } = await first.end("SIGINT");
  assert.is(code, 130, output);
  assert.match(output, "the workers go on");
  const running = worker(place, "left-worker");
  const second = await new Running(...experiment("left-out", "--cluster", place)).ended;
  assert.is(second.code, 0, second.output);
  requireSame("left-out");
  await running.end("SIGINT");
});

test.unless(
  inNode ?? noServer,
  "the same on a server, with kill -9 of workers, client and server in between",
  async () => {
    const line = (place: string) => experiment("killed", "--cluster", place);
    const wanted = { worker: 3, client: 1, server: 1 };
    const { kills } = await underFire({ folder: at("fire"), line, workers: 3, wanted, writes: 16 });
    assert.equal(kills, wanted);
    requireSame("killed");
  },
);

test("status of a directory that is not there is one sentence, and makes none", () => {
  const { code, stderr } = memorizing("cluster", "status", at("mistyped"));
  assert.is(code, 1);
  assert.match(stderr, /^there is no directory .*mistyped; give the one that workers were started with/);
  assert.not.ok(fs.existsSync(at("mistyped")));
});
