/** The models that come with the program. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import * as assert from "uvu/assert";
import { packageDirectory } from "../src/cli/package.ts";
import { readSafetensors } from "../src/formats/safetensors.ts";
import { loadModel } from "../src/train/checkpoint.ts";
import { evaluate } from "../src/train/evaluate.ts";
import { suite } from "./harness.ts";
import { documentOf } from "./tiny.ts";

const test = suite("shipped models");

const root = `${packageDirectory()}/models`;
const directories = readdirSync(root, { withFileTypes: true }).filter((entry) => {
  return entry.isDirectory() && entry.name !== "corpus";
});

for (const { name } of directories) {
  const directory = `${root}/${name}`;

  test(`${name} has at most 8 MB, all weights in half floats, and a card with its licence`, () => {
    const bytes = readdirSync(directory).reduce((sum, file) => sum + statSync(`${directory}/${file}`).size, 0);
    assert.ok(bytes <= 8_000_000, `${bytes} bytes`);
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
