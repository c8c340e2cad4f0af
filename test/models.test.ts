/** The models that come with the program. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { packageDirectory } from "../src/cli/package.ts";
import { readSafetensors } from "../src/formats/safetensors.ts";
import { loadModel } from "../src/train/checkpoint.ts";
import { evaluate } from "../src/train/evaluate.ts";
import { modelDirectory } from "../src/train/model-directory.ts";
import { suite } from "./harness.ts";
import { refusal } from "./refusal.ts";
import { documentOf } from "./tiny.ts";

const test = suite("shipped models");

const root = `${packageDirectory()}/models`;
const directories = readdirSync(root, { withFileTypes: true }).filter((entry) => {
  return entry.isDirectory() && entry.name !== "corpus";
});

for (const { name } of directories) {
  const directory = `${root}/${name}`;

  test(`${name} has at most 8.5 MB of weights, all in half floats, and a card with its licence`, () => {
    const { size } = statSync(`${directory}/model.safetensors`);
    assert.ok(size <= 8_500_000, `${size} bytes`);
    const { tensors } = readSafetensors(readFileSync(`${directory}/model.safetensors`), name);
    assert.equal([...new Set([...tensors.values()].map(({ dtype }) => dtype))], ["F16"]);
    assert.match(readFileSync(`${directory}/README.md`, "utf8"), /^---\nlicense: \w+\n/);
  });

  test(`${name} has learned to read`, () => {
    const { model, tokenizer } = loadModel(directory);
    const ids = tokenizer.encode(readFileSync(`${packageDirectory()}/src/model/config.ts`, "utf8")).subarray(0, 500);
    const [{ perplexity }] = evaluate(model, [documentOf("", ids)], tokenizer, { memorySizes: [0] }).results;
    assert.ok(perplexity < tokenizer.vocabSize / 4, `${perplexity} of ${tokenizer.vocabSize}`);
  });
}

test("a model is loaded by its name, unless there is a directory of that name here", () => {
  assert.is(modelDirectory("reader-1m"), `${root}/reader-1m`);
  assert.is(loadModel("reader-1m").model.config.hidden_size, loadModel(`${root}/reader-1m`).model.config.hidden_size);
  const here = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), "models-"));
  mkdirSync(join(folder, "reader-1m"));
  try {
    process.chdir(folder);
    assert.is(modelDirectory("reader-1m"), "reader-1m");
  } finally {
    process.chdir(here);
    rmSync(folder, { recursive: true });
  }
});

test("a name that is neither is refused with those that there are", () => {
  const known = "the package has no model of that name (it has reader-1m, reader-4m)";
  assert.is(
    refusal(() => loadModel("reader-2m")),
    `there is no directory or file "reader-2m", and ${known}`,
  );
});
