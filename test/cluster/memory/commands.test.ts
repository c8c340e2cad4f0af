/** Processes that serve a memory, and commands that look it up: what these print is what they print with --load. */
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { memorizing } from "../../cli/child.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { NatsServer, noServer } from "../nats-server.ts";
import { Running } from "../processes.ts";

const test = suite("commands with a memory that is served");
test.after(() => Running.endAll()); // before the folder goes
const folder = folderFor(test, "memory-commands");
const at = (name: string) => join(folder, name);
const inNode = process.versions.deno === undefined ? undefined : "servers are started as Node starts them";
let server: NatsServer | undefined;
test.after(() => server?.kill());

const READ = "const rememberedPairs = memory.pairs;\n".repeat(40);
const ASKED = "console.log(rememberedPairs);\nconst rememberedPairs = other.pairs;\n".repeat(4);
const SAVED = at("notes.memory.safetensors");
const MORE = at("more.memory.safetensors");

test.before(() => {
  fs.writeFileSync(at("read.js"), READ);
  fs.writeFileSync(at("more.js"), "function notRead(pairs) {}\n".repeat(9));
  fs.writeFileSync(at("asked.js"), ASKED);
  for (const [text, saved] of [
    ["read.js", SAVED],
    ["more.js", MORE],
  ]) {
    const { code, stderr } = memorizing("read", "reader-1m", at(text), "--save", saved, "--memory", "4096");
    assert.is(code, 0, stderr);
  }
});

const evaluation = (losses: string) => [
  ...["eval", "reader-1m", "--data", at("asked.js"), "--memory", "0,4096", "--threads", "1", "--losses", at(losses)],
];

function serve(place: string, share: string, ...more: string[]): Running {
  return new Running(
    "memory",
    "serve",
    SAVED,
    "--cluster",
    place,
    "--share",
    share,
    "--segment",
    "50",
    "--threads",
    "1",
    ...more,
  );
}

interface Loss {
  readonly nats: number;
}

function lossesIn(name: string): { readonly keys: readonly object[]; readonly nats: readonly number[] } {
  const lines = fs.readFileSync(at(name), "utf8").trim().split("\n");
  const losses = lines.map((line): Loss => JSON.parse(line));
  return { keys: losses.map((loss) => ({ ...loss, nats: 0 })), nats: losses.map(({ nats }) => nats) };
}

function sameLosses(found: string, wanted: string): void {
  const [a, b] = [lossesIn(found), lossesIn(wanted)];
  assert.equal(a.keys, b.keys);
  const worst = a.nats.reduce((most, nats, i) => Math.max(most, Math.abs(nats - b.nats[i])), 0);
  assert.ok(worst < 2e-5, `a loss differs by ${worst} nats`);
}

async function servedBy(place: string): Promise<void> {
  const running = ["1/2", "2/2"].map((share) => serve(place, share));
  for (const each of running) await each.says("until Ctrl-C");
  const loaded = memorizing(...evaluation("loaded"), "--load", SAVED);
  const served = memorizing(...evaluation("served"), "--memory-at", place);
  assert.is(served.code, 0, served.stderr);
  assert.is(served.stdout, loaded.stdout);
  assert.not.equal(served.stdout, memorizing(...evaluation("without")).stdout);
  sameLosses("served", "loaded");

  const writing = [
    "generate",
    "reader-1m",
    "--prompt",
    "console.log(remembered",
    "--tokens",
    "24",
    "--temperature",
    "0",
  ];
  const [wrote, writes] = [
    ["--load", SAVED],
    ["--memory-at", place],
  ].map((more) => memorizing(...writing, "--memory", "4096", ...more));
  assert.is(writes.code, 0, writes.stderr);
  assert.is(writes.stdout, wrote.stdout);

  const watching = ["inspect", "reader-1m", at("asked.js"), "--memory", "4096", "--threads", "1"];
  const [saw, sees] = [
    ["--load", SAVED],
    ["--memory-at", place],
  ].map((more) => memorizing(...watching, ...more));
  assert.is(sees.code, 0, sees.stderr);
  assert.is(sees.stdout, saw.stdout);
  assert.match(sees.stdout, "read.js");

  const [, second] = running;
  assert.is((await second.end("SIGINT")).code, 0, second.output);
  const lost = memorizing(...evaluation("lost"), "--memory-at", place, "--patience", "1");
  assert.is(lost.code, 1);
  assert.match(
    lost.stderr,
    /^nobody at .* serves segment \d+ \(and \d+ more\) of the memory, pairs \d+ to \d+; run "memorizing memory serve /m,
  );
  assert.not(fs.existsSync(at("lost")), "an evaluation that failed leaves no losses");
  const best = memorizing(...evaluation("best"), "--memory-at", place, "--patience", "1", "--best-effort");
  assert.is(best.code, 0, best.stderr);
  assert.match(best.stderr, /parts of the memory did not answer: at least \d+\.\d % of its keys were searched/);
}

test.unless(
  inNode,
  "in a directory: two processes serve a file; eval, generate and inspect print what they print with --load",
  () => servedBy(at("exchange")),
);

test.unless(inNode ?? noServer, "the same over NATS", async () => {
  server = await NatsServer.start(at(""));
  await servedBy(server.url);
});

test.unless(inNode, "a file that is appended is seen by the next command, and what is forgotten is not", async () => {
  const place = at("growing");
  const first = new Running("memory", "serve", SAVED, "--cluster", place, "--segment", "100", "--threads", "1");
  await first.says("until Ctrl-C");
  const second = new Running("memory", "serve", MORE, "--cluster", place, "--threads", "1");
  await second.says("until Ctrl-C");
  const both = memorizing(...evaluation("both"), "--memory-at", place);
  assert.is(both.code, 0, both.stderr);
  const merged = at("merged.memory.safetensors");
  fs.copyFileSync(SAVED, merged);
  const read = memorizing("read", "reader-1m", at("more.js"), "--save", merged, "--append", "--memory", "4096");
  assert.is(read.code, 0, read.stderr);
  const loaded = memorizing(...evaluation("merged"), "--load", merged);
  assert.is(both.stdout, loaded.stdout);
  sameLosses("both", "merged");
  const forgotten = memorizing("memory", "forget", "--cluster", place, "--segments", "99");
  assert.equal([forgotten.code, forgotten.stdout], [0, "0 pairs are left\n"]);
  const nothing = memorizing(...evaluation("nothing"), "--memory-at", place);
  assert.is(nothing.stdout, memorizing(...evaluation("without")).stdout);
  assert.match(nothing.stderr, `the memory at ${place} has no pairs, so nothing is looked up there`);
  const again = memorizing("memory", "serve", SAVED, "--cluster", place, "--segment", "100");
  assert.is(again.code, 1);
  assert.match(again.stderr, `${place} had ${SAVED} before, and has none of its segments now`);
});

test("wrong uses are one sentence", async () => {
  const refused: [line: string[], sentence: string][] = [
    [["memory", "serve", at("asked.js"), "--cluster", at("new")], `${at("asked.js")}: not a safetensors file`],
    [["memory", "serve", SAVED], "memorizing memory serve: --cluster WHERE must be given"],
    [["memory", "serve", "--cluster", at("new")], "memorizing memory serve: FILE must be given"],
    [
      ["memory", "serve", SAVED, "--cluster", at("new"), "--share", "3/2"],
      '--share must be I/N, with I from 1 to N and N at most 4096, not "3/2"',
    ],
    [["memory", "serve", SAVED, "--cluster", at("new"), "--share", "0/2"], "--share must be I/N"],
    [["memory", "forget", "--cluster", at("not there")], `there is no directory ${at("not there")}`],
    [["memory", "forget", "--cluster", folder], `${folder} has no memory`],
    [[...evaluation("no"), "--memory-at", at("not there")], `there is no directory ${at("not there")}`],
    [[...evaluation("no"), "--memory-at", folder], `${folder} serves no memory of this model, `],
    [
      [...evaluation("no"), "--memory-at", folder, "--load", SAVED],
      "--memory-at and --load both say what was read before",
    ],
    [[...evaluation("no"), "--memory-at", folder, "--cluster", folder], "they cannot have --memory-at"],
    [[...evaluation("no"), "--memory-at", folder, "--recall"], "--recall measures how well this process searches"],
    [[...evaluation("no"), "--best-effort"], "--best-effort is about the memory of --memory-at"],
  ];
  for (const [line, sentence] of refused) {
    const { code, stderr, stdout } = memorizing(...line);
    assert.ok(code === 1 || code === 2, `${line.join(" ")}: ${code} ${stdout}`);
    assert.match(stderr, sentence, line.join(" "));
    assert.not.match(stderr, /\n +at /, "a stack");
  }
});
