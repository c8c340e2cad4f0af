/** `train --from` a model that others trained, `curves` of its evaluations, and `export` of such models. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { loadForeign } from "../../src/families/load-foreign.ts";
import { decodeWeights } from "../../src/formats/weight-types.ts";
import { absent, directories, reference, stories } from "../families/golden-models.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { writeSmallLlama } from "../train/small-foreign.ts";
import { refused, run } from "./in-process.ts";

const test = suite("training and exporting models that others trained");
const folder = folderFor(test, "foreign-run");
const at = (name: string) => join(folder, name);

const reading = ["--segment", "5", "--window", "9", "--memory", "30", "--neighbours", "4"];
const quick = ["--steps", "6", "--batch-size", "2", "--learning-rate", "0.02", "--warmup", "0"];

test.before(() => {
  writeSmallLlama(at("llama"));
  fs.mkdirSync(at("texts"));
  fs.mkdirSync(at("unseen"));
  for (const word of ["one fish, two fish. ", "red fish, blue fish. "]) {
    fs.writeFileSync(at(`texts/${word.slice(0, 3)}.txt`), word.repeat(6));
    fs.writeFileSync(at(`unseen/${word.slice(0, 3)}.txt`), word.toUpperCase().repeat(4));
  }
});

const begin = (out: string, only: string, ...others: string[]) =>
  run(
    "train",
    "--from",
    at("llama"),
    "--only",
    only,
    "--data",
    at("texts"),
    "--out",
    at(out),
    ...reading,
    ...quick,
    ...others,
  );

test("a run that was resumed ends with the files of one that was not, and every command reads them", async () => {
  for (const only of ["offsets", "memory-layers", "all"]) {
    await begin(`${only}-whole`, only);
    await begin(`${only}-parts`, only, "--steps", "2", "--schedule", "constant");
    await begin(`${only}-once`, only, "--schedule", "constant");
    await run("train", "--resume", "--steps", "6", "--data", at("texts"), "--out", at(`${only}-parts`));
    for (const file of ["model.safetensors", "memory_offsets.safetensors", "config.json", "generation_config.json"]) {
      const [once, parts] = ["once", "parts"].map((name) => fs.readFileSync(at(`${only}-${name}/${file}`)));
      assert.ok(once.equals(parts), `${only} ${file}`);
    }
    const text = at("texts/one.txt");
    assert.match(await run("eval", at(`${only}-whole`), "--data", text, "--memory", "0,30"), "memory");
    await run("read", at(`${only}-whole`), text, "--save", at(`${only}.memory.safetensors`));
    await run(
      "generate",
      at(`${only}-whole`),
      "--load",
      at(`${only}.memory.safetensors`),
      "--prompt",
      "fish",
      "--tokens",
      "3",
    );
    await run("info", at(`${only}-whole`));
  }
});

test("evaluations before and after are drawn as curves", async () => {
  const evaluated = ["--eval-every", "3", "--eval-data", at("unseen")];
  await begin("curve-offsets", "offsets", ...evaluated);
  await begin("curve-all", "all", ...evaluated, "--memory-layers", "1");
  const runs = [at("curve-offsets"), at("curve-all")];
  const curves = JSON.parse(await run("curves", ...runs, "--json"));
  const names = curves.map(({ run, memory }: { run: string; memory: number }) => [run, memory]);
  assert.equal(names, [
    [runs[0], 0],
    [runs[0], 30],
    [runs[1], 0],
    [runs[1], 30],
  ]);
  for (const { points } of curves)
    assert.equal(
      points.map(([step]: number[]) => step),
      [0, 3, 6],
    );
  assert.is(
    new Set(curves[0].points.map(([, loss]: number[]) => loss)).size,
    1,
    "offsets change nothing without a memory",
  );
  assert.not.equal(curves[1].points[2], curves[1].points[0]);
  const table = await run("curves", ...runs, "--html", at("curves.html"));
  assert.match(table, /curve-all, memory 30 +\d\.\d{4} \(0\)/);
  const page = fs.readFileSync(at("curves.html"), "utf8");
  assert.match(page, "curve-offsets, no memory");
  assert.is(page.match(/<polyline/g)?.length, 4);
  assert.match(await refused("curves", at("offsets-whole")), "was not evaluated while it was trained");
  const again = await refused("calibrate", at("offsets-whole"), "--data", at("unseen"));
  assert.match(again, "has a memory that was trained in some heads, and those remember");
  const path = at("curve-all/metrics.jsonl");
  const lines = fs.readFileSync(path, "utf8").split("\n");
  fs.writeFileSync(path, lines.with(1, lines[1].slice(0, 9)).join("\n"));
  assert.match(
    await refused("curves", at("curve-all")),
    `${path}, line 2, is damaged; without that line the others can be read`,
  );
});

test("what makes no sense is one sentence", async () => {
  const from = (...args: string[]) => [
    "train",
    "--from",
    at("llama"),
    "--data",
    at("texts"),
    "--out",
    at("none"),
    ...args,
  ];
  const resume = (...args: string[]) => [
    "train",
    "--resume",
    "--data",
    at("texts"),
    "--out",
    at("offsets-parts"),
    ...args,
  ];
  const own = ["train", "--from", "reader-1m", "--data", at("texts"), "--out", at("none")];
  const sentences: [args: string[], sentence: RegExp][] = [
    [from(), /say with --only offsets\|memory-layers\|all what is to learn/],
    [from("--only", "gates"), /--only/],
    [from("--only", "offsets", "--memory", "0"), /without a memory nothing could learn of "offsets"/],
    [from("--only", "all", "--memory-layers", "2"), /there is no layer 2/],
    [from("--only", "all", "--set", "memory_size=3"), /memory_size=3 means nothing/],
    [from("--only", "all", "--preset", "tiny"), /has what --preset would say/],
    [from("--only", "all", "--staleness-every", "2"), /models of this program only/],
    [[...own, "--only", "all"], /--only is for a model that others trained/],
    [[...own.slice(0, 2), at("texts"), ...own.slice(3), "--only", "all"], /texts.*config\.json/],
    [[...own.slice(0, 1), ...own.slice(3), "--window", "3"], /--window is for a model that others trained/],
    [resume("--only", "all"), /has only offsets; a resumed run keeps what learns/],
    [resume("--window", "8"), /has window 9; a resumed run keeps/],
    [resume("--set", "memory_size=3"), /is one that others trained, so memory_size=3 means nothing/],
    [["export", at("llama"), "--out", at("none"), "--set", "memory_size=3"], /memory_size=3 means nothing/],
    [["export", "reader-1m", "--out", at("none"), "--dtype", "bfloat16"], /not as bfloat16/],
    [["export", at("llama"), "--out", at("llama")], /which is read/],
  ];
  for (const [args, sentence] of sentences) assert.match(await refused(...args), sentence, args.join(" "));
  assert.not.ok(fs.existsSync(at("none")));
});

test("a resumed run may be given what it has", async () => {
  await run("train", "--resume", "--only", "offsets", ...reading, "--data", at("texts"), "--out", at("offsets-parts"));
});

/** Every parameter's kind of number and bytes, by name. */
function storedIn(path: string) {
  const { parameters } = loadForeign(path);
  return [...parameters].map(([name, { type, bytes, floats }]) => ({ name, type, bytes: bytes(), floats }));
}

test.unless(absent, "every golden directory is exported bit by bit, and once more with the same files", async () => {
  for (const name of Object.keys(directories)) {
    await run("export", `${reference}/${name}`, "--out", at(name));
    const [before, after] = [storedIn(`${reference}/${name}`), storedIn(at(name))];
    assert.equal(
      after.map((parameter) => [parameter.name, parameter.type]),
      before.map((parameter) => [parameter.name, parameter.type]),
    );
    for (const [i, { bytes }] of before.entries()) assert.equal(after[i].bytes, bytes, `${name} ${before[i].name}`);
    assert.equal(loadForeign(at(name)).architecture, loadForeign(`${reference}/${name}`).architecture);
    await run("export", at(name), "--out", at(`${name}-again`));
    for (const file of fs.readdirSync(at(name))) {
      assert.ok(fs.readFileSync(at(`${name}/${file}`)).equals(fs.readFileSync(at(`${name}-again/${file}`))), file);
    }
  }
});

test.unless(
  absent,
  "a GGUF file becomes a directory with the same numbers, description, tokens and template",
  async () => {
    const paths = ["llama-k", "llama-mixed", "llama-q8_0", "qwen2-q4"].map(
      (name) => `${reference}/gguf/${name}/model.gguf`,
    );
    for (const [i, path] of [...paths, `${stories}/gguf/stories260K-q8_0.gguf`].entries()) {
      await run("export", path, "--out", at(`gguf-${i}`));
      const [file, directory] = [loadForeign(path), loadForeign(at(`gguf-${i}`))];
      assert.equal(directory.architecture.stopIds, file.architecture.stopIds);
      for (const [name, { floats }] of file.parameters) {
        assert.equal(directory.parameters.get(name)!.floats(), floats(), `${path} ${name}`);
      }
    }
    const story = ["--data", `${stories}/hf/story.txt`, "--memory", "0", "--json"];
    const file = await run("eval", `${stories}/gguf/stories260K-q8_0.gguf`, ...story, "--weights", "float32");
    const directory = await run("eval", at("gguf-4"), ...story);
    assert.equal(JSON.parse(directory), JSON.parse(file));
  },
);

test.unless(absent, "weights are exported as halves or brain floats, rounded to the nearest", async () => {
  for (const [dtype, type, share] of [
    ["float16", "F16", 2 ** -11],
    ["bfloat16", "BF16", 2 ** -8],
  ] as const) {
    await run("export", `${stories}/hf`, "--out", at(dtype), "--dtype", dtype);
    const exact = new Map(storedIn(`${stories}/hf`).map(({ name, floats }) => [name, floats()]));
    for (const { name, type: stored, bytes } of storedIn(at(dtype))) {
      assert.is(stored, type);
      const rounded = decodeWeights(type, bytes);
      const most = (value: number) => Math.abs(value) * share + 2 ** -25;
      assert.ok(
        exact.get(name)!.every((value, i) => Math.abs(value - rounded[i]) <= most(value)),
        name,
      );
    }
    await run("eval", at(dtype), "--data", `${stories}/hf/story.txt`, "--memory", "0");
  }
  const back = storedIn(at("bfloat16"));
  await run("export", at("bfloat16"), "--out", at("bfloat16-32"), "--dtype", "float32");
  for (const [i, { floats }] of storedIn(at("bfloat16-32")).entries()) assert.equal(floats(), back[i].floats());
});

test("a run that evaluates is resumed with the same evaluation, or with none", async () => {
  const evaluation = ["--eval-every", "2", "--eval-data", at("unseen"), "--eval-tokens", "20"];
  await begin("judged", "offsets", "--steps", "2", ...evaluation);
  const resume = ["train", "--resume", "--steps", "4", "--data", at("texts"), "--out", at("judged")];
  assert.match(await refused(...resume), "the run evaluates every 2 steps; give its --eval-data again");
  const other = await refused(...resume, "--eval-data", at("unseen"));
  assert.match(other, /the run in .*judged evaluated 40 tokens, and these are \d+; give the same --eval-data/);
  await run(...resume, "--eval-data", at("unseen"), "--eval-tokens", "20");
  const steps = fs
    .readFileSync(at("judged/metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.equal(
    steps.filter(({ evaluation }) => evaluation).map(({ step }) => step),
    [0, 2, 4],
  );
});

test("a run that begins anew evaluates its first weights once", async () => {
  const evaluation = ["--eval-every", "6", "--eval-data", at("unseen")];
  fs.mkdirSync(at("anew"));
  const stale = { step: 0, evaluation: { tokens: 1, bytes: 1, results: [{ memory: 0, perplexity: 9 }] } };
  fs.writeFileSync(at("anew/metrics.jsonl"), `${JSON.stringify(stale)}\n`); // what a kill before the first checkpoint left
  await begin("anew", "offsets", ...evaluation);
  const lines = fs
    .readFileSync(at("anew/metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const first = lines.filter(({ step }) => step === 0);
  assert.equal([first.length, first[0].evaluation.results.length], [1, 2]);
});

test("options of a training that would do nothing are refused, and so is a line of metrics without a result", async () => {
  const train = ["train", "--data", at("texts"), "--out", at("nothing")];
  assert.match(await refused(...train, "--eval-tokens", "5"), "--eval-tokens is about the documents of --eval-data");
  const plain = ["--set", "memory_layers=", "memory_copy=false", "smear_keys=none"];
  assert.match(await refused(...train, "--memory-sizes", "1,2", ...plain), "--memory-sizes is about memories, and");
  assert.match(await refused(...train, "--staleness-every", "1", ...plain), "--staleness-every is about memories, and");
  fs.mkdirSync(at("damaged"));
  fs.writeFileSync(at("damaged/metrics.jsonl"), '{"step":1,"evaluation":null}\n{"step":2,"loss":1}\n');
  assert.match(await refused("curves", at("damaged")), "metrics.jsonl, line 1, is damaged");
});
