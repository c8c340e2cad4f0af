/** The same seed gives the same bits: twice, on any number of threads, in the other runtime, and whatever the interruption. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { HANGS } from "../in-time.ts";
import { differences, trainingArguments } from "../reliability/crash-training.ts";
import { commandLine } from "./child.ts";

const test = suite("determinism");

const inDeno = process.versions.deno !== undefined;
/** The project's root, seen from test/ or from dist/test/. */
const root = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "../../" : "../../../", import.meta.url));
const DENO = ["--offline", "--yes", "deno@2.9.6"];

const folder = folderFor(test, "determinism");
const at = (name: string) => join(folder, name);

/** How this program starts in the other runtime; or why it cannot. */
function otherRuntime(): { line: [string, string[]] } | { missing: string } {
  if (inDeno) {
    const script = join(root, "dist/src/cli/main.js");
    return fs.existsSync(script) ? { line: ["node", [script]] } : { missing: `there is no ${script}` };
  }
  const { status } = spawnSync("npx", [...DENO, "--version"], { timeout: 20_000 });
  if (status !== 0) return { missing: "deno 2.9.6 is not in npm's cache" };
  return { line: ["npx", [...DENO, "run", "-A", join(root, "src/cli/main.ts")]] };
}
const other = otherRuntime();

/** Trains for ten steps, on the plain kernels unless others are asked for. */
function train(
  out: string,
  { line = commandLine([]), threads = 1, more = [] as string[], kernels = "plain" } = {},
): void {
  const [command, parameters] = line;
  const args = [...parameters, ...trainingArguments(folder, at(out), 10, threads), ...more];
  const env = { ...process.env, MEMORIZING_KERNELS: kernels };
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: HANGS, env });
  assert.is(status, 0, stderr);
}

test("a training is the same on one thread and on three", () => {
  train("one");
  train("three", { threads: 3 });
  assert.equal(differences(at("one"), at("three")), []);
});

test("a training with this runtime's fastest kernels is the same twice", () => {
  for (const out of ["fast", "again"]) train(out, { kernels: "" });
  assert.equal(differences(at("fast"), at("again")), []);
});

test("another seed gives another training", () => {
  train("other-seed", { more: ["--seed", "1"] });
  assert.ok(differences(at("one"), at("other-seed")).includes("model.safetensors"));
});

test.unless("missing" in other ? other.missing : undefined, "a training is the same in Node and in Deno", () => {
  const { line } = other as { line: [string, string[]] };
  train("other-runtime", { line });
  assert.equal(differences(at("one"), at("other-runtime")), []);
});

test.unless("missing" in other ? other.missing : undefined, "a training may begin in one and end in the other", () => {
  const { line } = other as { line: [string, string[]] };
  fs.cpSync(at("one"), at("begun"), { recursive: true });
  for (const step of [9, 10]) fs.rmSync(at(`begun/checkpoint-${step}`), { recursive: true });
  train("begun", { line, threads: 2, more: ["--resume"] });
  assert.equal(differences(at("one"), at("begun")), []);
});
