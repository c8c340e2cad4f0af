/** Checks of output paths, in this process and without running a command. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { modelOutputs, runOutputs } from "../../../src/cli/outputs/directories.ts";
import * as kinds from "../../../src/cli/outputs/kinds.ts";
import { type CommandFiles, Outputs } from "../../../src/cli/outputs/outputs.ts";
import { writeMemory } from "../../../src/memory/disk.ts";
import { Transformer } from "../../../src/model/transformer.ts";
import { Reader } from "../../../src/reader.ts";
import { htmlPage } from "../../../src/report/html/page.ts";
import { LossesFile } from "../../../src/report/losses.ts";
import { byteTokenizer } from "../../../src/text/tokenizer.ts";
import { loadModel, saveModel } from "../../../src/train/checkpoint.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { refusal } from "../../refusal.ts";
import { tinyConfig } from "../../tiny.ts";

const test = suite("outputs");
const folder = folderFor(test, "outputs");
const at = (name: string) => join(folder, name);

/** A file of each kind, by its name. */
const FILES: Record<string, kinds.FileKind> = {
  memory: kinds.memoryFile,
  page: kinds.reportPage,
  losses: kinds.lossesFile,
  metrics: kinds.metricsFile,
  "model/tokenizer.json": kinds.tokenizerFile,
  "model/config.json": kinds.configFile,
  "model/model.safetensors": kinds.weightsFile,
};

test.before(async () => {
  saveModel(at("model"), new Transformer(tinyConfig(), 1), byteTokenizer());
  const { model, tokenizer } = loadModel(at("model"));
  const reader = new Reader(model, tokenizer, { memorySize: 9 });
  await reader.read("some text to remember", { name: "a" });
  writeMemory(at("memory"), reader.snapshot());
  fs.writeFileSync(at("page"), htmlPage({ title: "a page", styles: "", body: "" }));
  const losses = new LossesFile(at("losses"));
  losses.add({ document: "a", index: 1, token: 2, memory: 0, nats: 0.5 });
  losses.finish();
  fs.writeFileSync(at("metrics"), '{"step":1,"loss":2.5}\n');
  fs.writeFileSync(at("notes.md"), "# My notes\n");
  fs.symlinkSync("notes.md", at("soft"));
  fs.linkSync(at("notes.md"), at("hard"));
});

/** An output of `--save`, next to what the command reads. */
function saving(path: string, more: Partial<CommandFiles> = {}, kind = kinds.memoryFile): () => Outputs {
  return () => new Outputs({ outputs: [{ option: "--save", path, kind }], force: false, ...more });
}

test("an input is never replaced, under any name and even with --force", () => {
  for (const force of [false, true]) {
    for (const [output, input] of [
      ["notes.md", "notes.md"],
      ["soft", "notes.md"],
      ["hard", "notes.md"],
      ["notes.md", "hard"],
    ]) {
      const message = `--save ${at(output)} would replace ${at(input)}, which is read; give another place`;
      assert.is(refusal(saving(at(output), { inputs: [at(input)], force })), message);
    }
    const inDirectory = refusal(saving(at("notes.md"), { inputs: [folder], force }));
    assert.match(inDirectory, `--save ${at("notes.md")} would replace ${folder}/`);
    const weights = at("model/model.safetensors");
    const ofModel = refusal(saving(weights, { models: [at("model")], force }));
    assert.is(ofModel, `--save ${weights} would replace ${weights}, which is read; give another place`);
    const models = { outputs: modelOutputs(at("model")), models: [at("model")], force };
    assert.is(
      refusal(() => new Outputs(models)),
      `--out ${at("model")} would replace ${at("model/config.json")}, which is read; give another place`,
    );
  }
});

test("every kind knows its own files, also when they are cut, and no others", () => {
  for (const [name, kind] of Object.entries(FILES)) {
    for (const other of [...Object.keys(FILES), "notes.md"]) assert.is(kind.isAt(at(other)), name === other, other);
    if (name.endsWith(".json")) continue; // of what JSON is, half a text says nothing
    const cut = at("cut");
    fs.copyFileSync(at(name), cut);
    fs.truncateSync(cut, Math.ceil(0.9 * fs.statSync(cut).size));
    assert.ok(kind.isAt(cut), name);
  }
});

test("reports of version 0.1, which had no mark, are known", () => {
  const old = fs.readFileSync(at("page"), "utf8").replace(/<meta name="generator".*\n/, "");
  assert.not.match(old, "generator");
  fs.writeFileSync(at("old-page"), old);
  assert.ok(kinds.reportPage.isAt(at("old-page")));
});

test("a file of another kind is replaced with --force alone, one of the same kind and an empty one at once", () => {
  for (const [name, kind] of Object.entries(FILES)) {
    const path = at("target");
    for (const other of Object.keys(FILES)) {
      fs.copyFileSync(at(other), path);
      if (other === name) saving(path, {}, kind)();
      else {
        const message = `${path} is there already and is not ${kind.name}`;
        assert.is(refusal(saving(path, {}, kind)), `${message}; give another --save, or --force to replace it`);
        saving(path, { force: true }, kind)();
      }
    }
    fs.writeFileSync(path, "");
    saving(path, {}, kind)();
    fs.rmSync(path);
    saving(path, {}, kind)();
  }
});

test("a file of any model is not replaced by a single file, of the same kind or not", () => {
  for (const [name, kind] of Object.entries(FILES).filter(([name]) => name.startsWith("model/"))) {
    const advice = "give another --save, or --force to replace it";
    assert.is(refusal(saving(at(name), {}, kind)), `${at(name)} belongs to the model in ${at("model")}; ${advice}`);
  }
  new Outputs({ outputs: modelOutputs(at("model")), force: false }); // a model may replace a model
});

test("a link by which a model would be written into another is refused, whatever is forced", () => {
  fs.mkdirSync(at("run"));
  for (const name of fs.readdirSync(at("model"))) fs.symlinkSync(`../model/${name}`, at(`run/${name}`));
  for (const force of [false, true]) {
    assert.match(
      refusal(() => new Outputs({ outputs: runOutputs(at("run")), force })),
      `${at("run/config.json")} is a link out of its directory, and what it leads to would be replaced`,
    );
  }
  fs.symlinkSync("model", at("same-model"));
  new Outputs({ outputs: runOutputs(at("same-model")), force: false }); // the directory was named, so it is meant
});

test("a directory for results must not lie where everything is read as documents", () => {
  const inside = () => new Outputs({ outputs: runOutputs(at("docs/run")), inputs: [at("docs")], force: true });
  fs.mkdirSync(at("docs"));
  assert.is(
    refusal(inside),
    `--out ${at("docs/run")} lies in ${at("docs")}, where everything is read; give another place`,
  );
  saving(at("docs/a.memory"), { inputs: [at("docs")] })(); // a file may
  new Outputs({ outputs: runOutputs(at("docs-2")), inputs: [at("docs")], force: false });
});

test("files that others put there in the meantime are noticed before the result is written", () => {
  const path = at("meantime");
  const outputs = saving(path)();
  outputs.check();
  fs.writeFileSync(path, "somebody else's");
  assert.match(
    refusal(() => outputs.check()),
    `${path} is there already and is not a memory`,
  );
  fs.copyFileSync(at("memory"), path);
  outputs.check();
});

test("an output that cannot be written is refused, and the trial leaves nothing behind", () => {
  const before = fs.readdirSync(folder);
  for (const [path, sentence] of [
    ["", "cannot write a file whose name is empty"],
    [`${folder}/new/`, `cannot write ${folder}/new/: it names a directory, a file is needed`],
    [folder, `cannot write ${folder}: it is a directory, a file is needed`],
    [at("notes.md/x"), `cannot write ${at("notes.md/x")}: a part of the path is a file, a directory is needed`],
  ]) {
    assert.is(refusal(saving(path)), sentence);
  }
  saving(at("deep/er/new"))();
  assert.equal(fs.readdirSync(folder), before);
});
