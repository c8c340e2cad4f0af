/**
 * A small world of files in which random command lines are run: a file of every kind that commands read or write, links of both
 * kinds to them, directories and what is none of these. It knows what changed in it, and can be put back.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { writeMemory } from "../../src/memory/disk.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Reader } from "../../src/reader.ts";
import { htmlPage } from "../../src/report/html/page.ts";
import { trainBpe } from "../../src/text/bpe-trainer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { saveModel } from "../../src/train/checkpoint.ts";
import { runTraining } from "../../src/train/run.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

/** Kinds of files. Commands may replace a file by another of its kind. */
export type Kind = "text" | "memory" | "page" | "losses" | "metrics" | "tokenizer" | "config" | "weights" | "training";

/** State of one name: the target of a link, the content of a file. */
export interface Entry {
  readonly type: "file" | "directory" | "link" | "other";
  readonly inode: string;
  readonly mode: number;
  readonly content: string;
}

/** By path from the world's root. */
export type Snapshot = ReadonlyMap<string, Entry>;

const KINDS: readonly (readonly [RegExp, Kind])[] = [
  [/metrics\.jsonl$/, "metrics"],
  [/\.jsonl$/, "losses"],
  [/checkpoint-\d+\//, "training"],
  [/(tokenizer|bpe)\.json$/, "tokenizer"],
  [/config\.json$/, "config"],
  [/(^|\/)(model\.safetensors|hard-weights)$/, "weights"],
  [/(memory|mem)$/, "memory"],
  [/\.html$/, "page"],
];

/** By the name that the file was given here. */
export function kindOf(path: string): Kind {
  return KINDS.find(([pattern]) => pattern.test(path))?.[1] ?? "text";
}

/** Makes the world at `root`, which must not exist. */
export async function makeWorld(root: string): Promise<void> {
  const at = (name: string) => join(root, name);
  for (const name of ["docs/sub", "empty-dir"]) fs.mkdirSync(at(name), { recursive: true });
  for (const name of ["docs/a.md", "docs/sub/b.md", "notes.md", "other.txt"]) {
    fs.writeFileSync(at(name), `This is ${name}; it has no copy.\n`.repeat(2));
  }
  fs.writeFileSync(at("nothing"), "");
  const models = [1, 2].map((seed) => new Transformer(tinyConfig(), seed));
  for (const [i, name] of ["model", "model-2"].entries()) saveModel(at(name), models[i], byteTokenizer());
  for (const [i, name] of ["own.memory", "foreign.memory"].entries()) {
    const reader = new Reader(models[i], byteTokenizer(), { memorySize: 9 });
    await reader.read("what was there before", { name: "before" });
    writeMemory(at(name), reader.snapshot());
  }
  const trainer = new Trainer(models[1], randomDocuments([40, 23]), { batchSize: 1, steps: 1 });
  await runTraining(trainer, { directory: at("run"), tokenizer: byteTokenizer() });
  fs.writeFileSync(at("report.html"), htmlPage({ title: "a report", styles: "", body: "" }));
  fs.writeFileSync(at("foreign.html"), "<!doctype html>\n<p>Not ours.</p>\n");
  fs.writeFileSync(at("losses.jsonl"), '{"document":"a","index":1,"token":2,"memory":0,"nats":0.5}\n');
  fs.writeFileSync(at("bpe.json"), JSON.stringify(trainBpe(["some text"], { vocabSize: 258 })));
  addLinks(root);
  fs.chmodSync(at("own.memory"), 0o600);
}

function addLinks(root: string): void {
  const at = (name: string) => join(root, name);
  const soft = { "link-notes": "notes.md", "link-mem": "own.memory", "link-docs": "docs", "link-model": "model" };
  for (const [name, target] of Object.entries(soft)) fs.symlinkSync(target, at(name));
  fs.symlinkSync("link-notes", at("link-to-link"));
  fs.symlinkSync("not/there", at("lost"));
  fs.symlinkSync("a.md", at("docs/again"));
  fs.mkdirSync(at("links"));
  fs.symlinkSync("../notes.md", at("links/up"));
  fs.mkdirSync(at("farm"));
  for (const name of fs.readdirSync(at("model"))) fs.symlinkSync(`../model/${name}`, at(`farm/${name}`));
  fs.linkSync(at("notes.md"), at("hard-notes"));
  fs.linkSync(at("own.memory"), at("hard-mem"));
  fs.linkSync(at("model/model.safetensors"), at("hard-weights"));
  spawnSync("mknod", [at("device"), "c", "1", "3"]); // a /dev/null that is ours, where that may be made
}

/** Everything that is there. */
export function snapshotOf(root: string): Snapshot {
  return new Map(namesBelow(root, "").map((name) => [name, entryAt(join(root, name))]));
}

/** Links are not followed. */
function namesBelow(root: string, folder: string): string[] {
  return fs.readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = join(folder, entry.name);
    return entry.isDirectory() ? [name, ...namesBelow(root, name)] : [name];
  });
}

function entryAt(path: string): Entry {
  const state = fs.lstatSync(path, { bigint: true });
  const about = { inode: `${state.dev}:${state.ino}`, mode: Number(state.mode) };
  if (state.isSymbolicLink()) return { ...about, type: "link", content: fs.readlinkSync(path) };
  if (state.isDirectory()) return { ...about, type: "directory", content: "" };
  if (!state.isFile()) return { ...about, type: "other", content: "" };
  return { ...about, type: "file", content: createHash("sha256").update(fs.readFileSync(path)).digest("hex") };
}

/** Puts the world back as it was made, from a copy of it. */
export function restoreWorld(root: string, copy: string): void {
  fs.rmSync(root, { recursive: true, force: true });
  spawnSync("cp", ["-a", copy, root]);
}
