/** The model in one file as a program, and as a file: what it prints, what it refuses, and that it needs nothing but itself. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { scriptLine } from "../cli/child.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { HANGS } from "../in-time.ts";

const test = suite("the model in one file, as a program");

const isCompiled = import.meta.url.includes("/dist/");
const root = new URL(isCompiled ? "../../../" : "../../", import.meta.url);
const source = readFileSync(new URL("reference/memorizing-transformer.ts", root), "utf8");

const directory = folderFor(test, "reference");
test.before(() => {
  const names = ["anna", "bela", "carl", "dora"];
  const line = (i: number) => `${names[i % 4]} met ${names[(i * i + 1) % 4]} in ${1000 + ((i * 37) % 89)}\n`;
  writeFileSync(join(directory, "text.txt"), Array.from({ length: 120 }, (_, i) => line(i)).join(""));
  writeFileSync(join(directory, "short.txt"), "too short");
});

function run([command, args]: [string, string[]]) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: HANGS });
  return { status, stderr, lines: stdout.trimEnd().split("\n") };
}

function train(line: [string, string[]]): void {
  const { status, stderr, lines } = run(line);
  assert.is(stderr, "");
  assert.is(status, 0);
  const losses = (text: string) =>
    lines.filter((line) => line.startsWith(text)).map((line) => line.match(/\d\.\d+/g)?.map(Number));
  const steps = losses("step ");
  assert.is(steps.length, 3);
  for (const model of [0, 1]) {
    const course = steps.map((numbers) => numbers?.[model] ?? Number.NaN);
    assert.ok(course[0] > course[1] && course[1] > course[2], `losses ${course}`);
  }
  const end = losses("M = ");
  assert.is(end.length, 3);
  for (const numbers of end)
    assert.ok(
      numbers?.every((loss) => loss < Math.log(256)),
      `after training ${numbers}`,
    );
}

test("prints falling losses without and with memory, then those on the end of the text", () => {
  train(scriptLine("reference/memorizing-transformer", [join(directory, "text.txt"), "30"]));
});

const needless = isCompiled ? "" : "the test above ran it so";
const unable = (process.features as { typescript?: unknown }).typescript ? "" : "this runtime takes no TypeScript";
test.unless(needless || unable, "runs as it stands, its types stripped", () => {
  const path = fileURLToPath(new URL("reference/memorizing-transformer.ts", root));
  train([process.execPath, [path, join(directory, "text.txt"), "30"]]);
});

for (const [what, args] of [
  ["no file", []],
  ["a file that is not there", ["absent.txt"]],
  ["a directory", ["."]],
  ["a text that is too short", ["short.txt"]],
  ["a number of steps that is none", ["text.txt", "many"]],
] as const) {
  test(`refuses ${what} in one sentence`, () => {
    const [file, ...rest] = args;
    const paths = file === undefined ? [] : [join(directory, file), ...rest];
    const { status, stderr, lines } = run(scriptLine("reference/memorizing-transformer", paths));
    assert.is(status, 1);
    assert.equal(lines, [""]);
    assert.is(stderr, "usage: memorizing-transformer TEXT [STEPS], where TEXT is a file of 1,000 bytes or more\n");
  });
}

test("is one file of at most 400 lines that imports only node:fs", () => {
  assert.ok(source.trimEnd().split("\n").length <= 400);
  assert.equal(source.match(/^import .*$/gm), ['import { readFileSync, statSync } from "node:fs";']);
});

test("is compiled as a source whose types can be stripped", () => {
  const { compilerOptions, include } = JSON.parse(readFileSync(new URL("tsconfig.json", root), "utf8"));
  assert.ok(include.includes("reference"));
  assert.ok(compilerOptions.erasableSyntaxOnly);
});
