import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { chosenConfig, requireSameConfig } from "../../src/cli/model-config.ts";
import { configFields } from "../../src/model/config.ts";
import { preset } from "../../src/model/presets.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("choice of a configuration");

const vocabulary = { size: 300, source: "some/tokenizer.json" };
const fallback = tinyConfig();
const folder = folderFor(test, "model-config");

function file(name: string, json: unknown): string {
  const path = join(folder, name);
  fs.writeFileSync(path, JSON.stringify(json));
  return path;
}

test("without a preset or a file, keys are replaced in the fallback", () => {
  const config = chosenConfig({ set: ["memory_size=3"] }, fallback, vocabulary);
  assert.equal(config, { ...fallback, vocab_size: 300, memory_size: 3 });
});

test("the vocabulary is the tokenizer's, whatever a preset says", () => {
  const config = chosenConfig({ preset: "paper", set: [] }, fallback, vocabulary);
  assert.equal(config, { ...preset("paper"), vocab_size: 300 });
});

test("a file without a vocabulary follows the tokenizer, one with the same is fine", () => {
  for (const json of [{ hidden_size: 24 }, { hidden_size: 24, vocab_size: 300 }]) {
    const { hidden_size, vocab_size } = chosenConfig(
      { config: file("good.json", json), set: [] },
      fallback,
      vocabulary,
    );
    assert.equal([hidden_size, vocab_size], [24, 300]);
  }
});

test("a file or a key with another vocabulary is refused, naming both sides", () => {
  const config = file("other.json", { vocab_size: 256 });
  const message = (source: string, size: number) =>
    `${source}: vocab_size is ${size}, but some/tokenizer.json has 300 tokens; leave it out, it follows the tokenizer`;
  assert.is(
    refusal(() => chosenConfig({ config, set: [] }, fallback, vocabulary)),
    message(config, 256),
  );
  assert.is(
    refusal(() => chosenConfig({ set: ["vocab_size=299"] }, fallback, vocabulary)),
    message("--set", 299),
  );
});

test("a preset and a file together are refused", () => {
  const config = file("both.json", {});
  const sentence = refusal(() => chosenConfig({ preset: "tiny", config, set: [] }, fallback, vocabulary));
  assert.is(sentence, `--preset tiny and --config ${config} exclude each other`);
});

test("a file that holds no object is refused by name", () => {
  const config = file("list.json", [1, 2]);
  const sentence = refusal(() => chosenConfig({ config, set: [] }, fallback, vocabulary));
  assert.match(sentence, `${config}: a configuration must be a JSON object`);
});

test("every key can make a resumed run another one, and is then named", () => {
  for (const key of Object.keys(configFields)) {
    const sentence = refusal(() => requireSameConfig({ ...fallback, [key]: "changed" }, fallback, "runs/x"));
    assert.match(sentence, `but ${key}="changed" was asked for`);
  }
  requireSameConfig({ ...fallback, memory_layers: [...fallback.memory_layers] }, fallback, "runs/x");
});
