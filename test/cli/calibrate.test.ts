/** `memorizing calibrate` on a real tiny Llama, and what its file changes for everything that opens the model. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Decoder } from "../../src/families/decoder.ts";
import { readMemory } from "../../src/memory/disk.ts";
import { openModelFromFiles } from "../../src/model/open-files.ts";
import { beginsAsPage } from "../../src/report/html/page.ts";
import { openModel } from "../../src/train/open-model.ts";
import { absent, stories } from "../families/golden-models.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { refused, run } from "./in-process.ts";

const test = suite("calibrate");
const folder = folderFor(test, "calibrate");
const at = (name: string) => join(folder, name);

const story = `${stories}/hf/story.txt`;
const small = ["--window", "32", "--max-tokens", "400"];

/** A copy of the tiny Llama, as a directory or as one file, and a document that says the same twice. */
function prepare(name: string): { model: string; twice: string } {
  const twice = at("twice.txt");
  fs.writeFileSync(twice, fs.readFileSync(story, "utf8").slice(0, 700).repeat(2));
  const model = at(name);
  if (name.endsWith(".gguf")) fs.copyFileSync(`${stories}/gguf/stories260K-q8_0.gguf`, model);
  else fs.cpSync(`${stories}/hf`, model, { recursive: true });
  return { model, twice };
}

test.unless(
  absent,
  "what it finds is the default of the model's directory, until all heads are asked for",
  async () => {
    const { model, twice } = prepare("llama");
    const file = join(model, "memory.json");
    const printed = await run("calibrate", model, "--data", twice, "--rounds", "2", "--html", at("map.html"), ...small);
    assert.match(printed, /heads +loss +of the gain +bytes a token +ms a token/);
    assert.match(printed, /all 20 .* 100 % +1,280/);
    const found = JSON.parse(fs.readFileSync(file, "utf8"));
    const { chosen, sets, gains } = found.measured;
    assert.ok(chosen.share_of_gain >= 0.75 && chosen.heads < 20, `${chosen.share_of_gain} of ${chosen.heads}`);
    assert.ok(chosen.loss < sets[0].loss);
    assert.is(chosen.memory_layers, found.memory_layers);
    assert.is(Object.keys(gains).length, 20);
    assert.match(printed, `chosen: --memory-layers ${found.memory_layers}`);

    const opened = openModel(model, { window: 32 });
    assert.is(opened.model.fingerprint(), found.model);
    const state = opened.model.newState({ rows: 1 });
    const heads = [...state.memories.values()].reduce((sum, memory) => sum + memory.heads, 0);
    assert.is(heads, chosen.heads);
    state.release();
    const { neighbours, reach } = (opened.model as Decoder).settings;
    assert.equal([neighbours, reach], [found.neighbours ?? 32, found.reach ?? 256]);
    opened.model.release();
    const described = JSON.parse(await run("info", model, "--json"));
    assert.equal(
      [described.memory_heads, described.memory_bytes_per_token],
      [found.memory_layers, chosen.bytes_per_token],
    );

    const perplexity = async (...options: string[]) =>
      JSON.parse(await run("eval", model, "--data", twice, "--memory", "8192", "--json", ...small, ...options))
        .results[0].perplexity;
    const [usual, all] = [await perplexity(), await perplexity("--memory-layers", "all")];
    assert.is.not(usual, all);

    const page = fs.readFileSync(at("map.html"), "utf8");
    assert.ok(beginsAsPage(page));
    assert.is(page.match(/<rect class="cell[^"]*"/g)?.length, 20);
    assert.is(page.match(/<rect class="cell[^"]* chosen"/g)?.length, chosen.heads);
    assert.not.match(page, "NaN");
  },
);

test.unless(absent, "next to a .gguf it is NAME.memory.json, and goes with the model from bytes", async () => {
  const { model, twice } = prepare("tiny.gguf");
  const options = ["--rounds", "1", "--budget", "192", "--memory-dtype", "float16", "--neighbours", "4", ...small];
  const printed = JSON.parse(await run("calibrate", model, "--data", twice, "--json", ...options));
  const file = at("tiny.memory.json");
  assert.equal([printed.file, printed.measured.chosen.heads, printed.measured.chosen.bytes_per_token], [file, 6, 192]);
  assert.equal(openModel(model).model.memoryLayers, openModel(model, { memoryLayers: undefined }).model.memoryLayers);
  const data = [model, file].map((path) => ({ name: path.split("/").at(-1)!, data: fs.readFileSync(path) }));
  const [calibrated, bare] = [await openModelFromFiles(data), await openModelFromFiles(data.slice(0, 1))];
  assert.equal(calibrated.model.memoryLayers, openModel(model).model.memoryLayers);
  assert.equal(bare.model.memoryLayers, [0, 1, 2, 3, 4]);
});

test.unless(absent, "a file of another name has its calibration next to it", async () => {
  const { model, twice } = prepare("tiny.gguf");
  const [blob, file] = [at("blob"), at("blob.memory.json")];
  fs.copyFileSync(model, blob);
  const options = ["--rounds", "1", "--budget", "192", "--memory-dtype", "float16", "--neighbours", "4", ...small];
  const { file: named } = JSON.parse(await run("calibrate", blob, "--data", twice, "--json", ...options));
  assert.is(named, file);
  const { memory_heads } = JSON.parse(await run("info", blob, "--json"));
  assert.is(memory_heads, JSON.parse(fs.readFileSync(file, "utf8")).memory_layers);
});

test.unless(absent, "chosen heads go through read, --load and inspect", async () => {
  const { model } = prepare("chosen");
  const file = at("chosen.memory.safetensors");
  const places = "1:0,1:3,3";
  await run("read", model, story, "--save", file, "--memory-layers", places, "--window", "32");
  const { heads, layers, chosen } = readMemory(file);
  assert.equal([heads, [...layers.keys()], chosen], [4, [1, 3], new Map([[1, [0, 3]]])]);
  await run("eval", model, "--data", story, "--load", file, ...small);
  const shown = JSON.parse(await run("inspect", model, story, "--load", file, "--json", ...small));
  assert.ok(shown.tokens.some(({ retrieved }: { retrieved: unknown[] }) => retrieved.length > 0));
  const other = await refused("eval", model, "--data", story, "--load", file, "--memory-layers", "1:0,1:2,3");
  assert.match(other, "has layers 1:0,1:3,3 with 4 heads of width 8, but layers 1:0,1:2,3");
});

test.unless(absent, "what is wrong is one sentence", async () => {
  const { model, twice } = prepare("wrong");
  const file = join(model, "memory.json");
  const data = ["--data", twice];
  assert.match(await refused("calibrate", "reader-1m", ...data), "reader-1m is a model of this program");
  assert.match(await refused("calibrate", model, ...data, "--gain", "9", "--budget", "9"), "exclude each other");
  const poor = await refused("calibrate", model, ...data, "--budget", "63");
  assert.match(poor, "--budget 63 pays for no head: a remembered token takes 64 bytes in each");
  assert.match(
    await refused("calibrate", model, ...data, "--max-tokens", "100"),
    /--max-tokens must be above \d+ here/,
  );
  fs.writeFileSync(at("short.txt"), "Once.");
  assert.match(await refused("calibrate", model, "--data", at("short.txt")), /too short: at most \d tokens/);
  assert.match(await refused("eval", model, ...data, "--memory-layers", "1:9"), "layer 1 has no kv head 9");
  assert.match(
    await refused("eval", model, ...data, "--memory-layers", "1:"),
    /--memory-layers: "1:" is neither a layer/,
  );
  fs.writeFileSync(file, "{}");
  assert.match(
    refusal(() => openModel(model)),
    "memory.json is not a calibration",
  );
  assert.match(
    await refused("calibrate", model, ...data, ...small),
    "memory.json is there already and is not a calibration",
  );
  const written = (changes: object) => {
    const whole = { format: "memorizing-calibration", model: "0123456789abcdef", memory_layers: "1", ...changes };
    fs.writeFileSync(file, JSON.stringify(whole));
    return refusal(() => openModel(model));
  };
  assert.match(written({}), /is for the model 0123456789abcdef, this is the model \w{16}; calibrate this one/);
  assert.match(written({ memory_layers: "5" }), "memory.json: memory_layers: there is no layer 5");
  assert.match(written({ memory_layers: [5] }), "memory_layers is [5]");
  assert.match(written({ reach: -1 }), /reach: got -1; it must be/);
  assert.match(written({ memory_layer: 3 }), /unknown key "memory_layer"; did you mean memory_layers\?/);
  const opened = openModel(model, { memoryLayers: "all" });
  assert.equal(opened.model.memoryLayers, [0, 1, 2, 3, 4], "a calibration counts only where nothing else is said");
  opened.model.release();
});
