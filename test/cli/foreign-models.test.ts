/** Models that others trained, wherever a command takes a MODEL: a real tiny Llama, as a directory of transformers and as GGUF. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readMemory } from "../../src/memory/disk.ts";
import { openModelFromFiles } from "../../src/model/open-files.ts";
import { Reader } from "../../src/reader.ts";
import { modelDirectory } from "../../src/train/model-directory.ts";
import { openModel } from "../../src/train/open-model.ts";
import { expectedOf } from "../families/decoder-models.ts";
import { absent, reference, stories } from "../families/golden-models.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refused, run } from "./in-process.ts";

const test = suite("models that others trained");
const folder = folderFor(test, "foreign");
const at = (name: string) => join(folder, name);

const hf = `${stories}/hf`;
const gguf = `${stories}/gguf/stories260K-q8_0.gguf`;
const story = `${hf}/story.txt`;
/** Settings under which most of a short text leaves the window. */
const small = ["--window", "32"];

test.unless(
  absent,
  "a small example, written out: the tiny Llama writes what llama2.c's documentation prints",
  async () => {
    const written = await run("generate", hf, "--tokens", "15", "--temperature", "0");
    assert.is(written, "Once upon a time, there was a little girl named Lily.\n");
  },
);

test.unless(absent, "behind a prompt it writes the rest of that text, with the space between the two", async () => {
  const whole = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.";
  for (const prompt of [
    "Once upon a time, there was a little girl named",
    "Once upon a time, there was a little gir",
  ]) {
    const written = await run("generate", hf, "--prompt", prompt, "--tokens", "30", "--temperature", "0");
    assert.ok(`${prompt}${written}`.startsWith(whole), written);
  }
});

test.unless(
  absent,
  "both files of one model write on alike, from a prompt and from the end of a document",
  async () => {
    for (const start of [
      ["--prompt", "One day, Tom"],
      ["--read", story],
    ]) {
      const options = [...start, "--tokens", "12", "--temperature", "0"];
      assert.is(await run("generate", hf, ...options), await run("generate", gguf, ...options));
    }
  },
);

test.unless(absent, "eval gives the golden loss of every token while everything is in the window", async () => {
  const losses = at("losses.jsonl");
  await run("eval", hf, "--data", story, "--memory", "0", "--window", "500", "--losses", losses);
  const lines = fs
    .readFileSync(losses, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const { f32, i32 } = expectedOf(`${hf}/expected.safetensors`);
  const [tokens, expected] = [i32("tokens"), f32("loss")];
  assert.is(lines.length, expected.length);
  for (const { index, token, nats } of lines) {
    assert.is(token, tokens[index]);
    assert.ok(Math.abs(nats - expected[index - 1]) < 1e-4, `token ${index}: ${nats} for ${expected[index - 1]}`);
  }
});

test.unless(absent, "a memory helps where the window is short, and chosen layers count", async () => {
  const twice = at("twice.txt");
  fs.writeFileSync(twice, fs.readFileSync(story, "utf8").slice(0, 900).repeat(2));
  const nats = async (...options: string[]) => {
    const { results } = JSON.parse(
      await run("eval", hf, "--data", twice, "--memory", "0,4096", "--json", ...small, ...options),
    );
    return results.map((row: { perplexity: number }) => row.perplexity);
  };
  const [without, all] = await nats("--memory-layers", "all");
  const [same, one] = await nats("--memory-layers", "2", "--neighbours", "4");
  assert.is(same, without);
  assert.ok(all < without && one !== all && one !== without, `${[without, all, one]}`);
});

test.unless(absent, "a memory in a file is the memory of the process that made it", async () => {
  const file = at("story.memory.safetensors");
  const rest = ["--prompt", "Then she", "--tokens", "20", "--temperature", "0"];
  await run("read", gguf, story, "--save", file, ...small);
  const loaded = await run("generate", gguf, "--load", file, ...rest, ...small);
  assert.is(loaded, await readThenGenerated("Then she"));
  const { length, layers, heads, sources } = readMemory(file);
  assert.equal([heads, [...layers.keys()]], [4, [0, 1, 2, 3, 4]]);
  assert.is(length, 431 - 4, "the first four tokens are sinks, which no memory keeps");
  assert.equal(sources?.documents, [story]);
  assert.is(sources?.columns.index[0], 4);
  const { token, begin, end } = sources!.columns;
  const bytes = fs.readFileSync(story);
  const { tokenizer } = openModel(gguf);
  token.forEach((id, n) => {
    assert.equal([...bytes.subarray(begin[n], end[n])], [...tokenizer.bytes(id)], `token ${n} at byte ${begin[n]}`);
  });
});

/** What a Reader in this process writes after it has read the story. */
async function readThenGenerated(prompt: string): Promise<string> {
  const { model, tokenizer } = openModel(gguf, { window: 32 });
  const reader = new Reader(model, tokenizer);
  await reader.read(fs.readFileSync(story, "utf8"));
  let text = "";
  for await (const token of reader.generate(prompt, { tokens: 20, temperature: 0 })) text += token.text;
  reader.release();
  model.release();
  return `${text}\n`;
}

test.unless(absent, "a memory in a file has its layers, unless others are asked for", async () => {
  const file = at("two.memory.safetensors");
  await run("read", hf, story, "--save", file, "--memory-layers", "1,3", "--memory-dtype", "float16");
  assert.match(await run("eval", hf, "--data", story, "--load", file, ...small), "over the same 430 tokens");
  const other = await refused("eval", hf, "--data", story, "--load", file, "--memory-layers", "all");
  assert.match(other, `${file} has layers 1,3 with 4 heads of width 8`);
  const foreign = await refused("eval", gguf, "--data", story, "--load", file);
  assert.match(foreign, /was made by the model \w{16}, this is the model \w{16}/);
});

/** A copy of the tiny Llama, with a file that a calibration could have left. */
function calibratedCopy(name: string, changes: object = {}): string {
  const model = at(name);
  fs.cpSync(hf, model, { recursive: true });
  const calibration = { format: "memorizing-calibration", memory_layers: "4:0", neighbours: 2, reach: 40 };
  const written = { ...calibration, model: openModel(hf).model.fingerprint(), ...changes };
  fs.writeFileSync(join(model, "memory.json"), JSON.stringify(written));
  return model;
}

test.unless(
  absent,
  "a loaded memory brings its heads and its form; a calibration still says how many neighbours",
  async () => {
    const model = calibratedCopy("calibrated");
    const file = at("calibrated.memory.safetensors");
    await run("read", model, story, "--save", file, "--memory-dtype", "float16", ...small);
    const perplexity = async (...options: string[]) => {
      const text = await run(
        "eval",
        model,
        "--data",
        story,
        "--load",
        file,
        "--memory",
        "500",
        "--json",
        ...small,
        ...options,
      );
      return JSON.parse(text).results[0].perplexity;
    };
    assert.is(await perplexity(), await perplexity("--neighbours", "2"));
    assert.is.not(await perplexity(), await perplexity("--neighbours", "32"));
    await run("read", model, story, "--save", file, "--append", ...small);
    const kept = [...readMemory(file).layers].map(([layer, { keys }]) => [layer, keys instanceof Uint16Array]);
    assert.equal(kept, [[4, true]]);
    for (const option of [
      ["--memory", "0"],
      ["--memory-layers", ""],
    ]) {
      const sentence = await refused("generate", model, "--load", file, "--tokens", "1", ...option);
      assert.match(sentence, /has pairs to remember, but the model is to have no memory|no memory/);
    }
  },
);

test.unless(
  absent,
  "info says where a memory was trained or calibrated, and that another model's calibration is refused",
  async () => {
    const described = async (model: string) => JSON.parse(await run("info", model, "--json"));
    assert.is((await described(calibratedCopy("told"))).memory_heads, "4:0");
    const other = calibratedCopy("other", { model: "1111111111111111" });
    assert.match((await described(other)).unreadable, "memory.json is for the model 1111111111111111");
    assert.match(
      await refused("export", other, "--out", at("exported")),
      "memory.json is for the model 1111111111111111",
    );
    const reading = ["--segment", "16", "--window", "32", "--memory-layers", "3:1", "--steps", "1", "--warmup", "0"];
    await run("train", "--from", hf, "--only", "offsets", "--data", story, "--out", at("trained"), ...reading);
    const trained = await described(at("trained"));
    assert.equal([trained.memory_heads, trained.memory_bytes_per_token], ["3:1", 64]);
  },
);

test.unless(absent, "inspect shows what was retrieved, at its place in the document", async () => {
  const shown = JSON.parse(await run("inspect", hf, story, "--json", "--max-tokens", "200", ...small));
  const places = shown.tokens.flatMap(({ retrieved }: { retrieved: { index: number }[] }) =>
    retrieved.map(({ index }) => index),
  );
  assert.ok(places.length > 0);
  assert.ok(Math.min(...places) >= 4, "sinks are not retrieved");
  assert.ok(Math.max(...places) < 200 - 32);
});

test.unless(absent, "a Reader reads with such a model, from paths and from bytes", async () => {
  const names = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "model.safetensors",
  ];
  const files = names.map((name) => ({ name, data: new Blob([fs.readFileSync(`${hf}/${name}`)]) }));
  const options = { segment: 16, window: 32, memorySize: 500 };
  const opened = [openModel(hf, options), await openModelFromFiles(files, options)];
  const texts = await Promise.all(
    opened.map(async ({ model, tokenizer }) => {
      const reader = new Reader(model, tokenizer);
      await reader.read("Lily had a red ball. ".repeat(12), { name: "ball" });
      const kept = reader.snapshot();
      reader.restore(kept);
      let text = "";
      for await (const token of reader.generate("Lily", { tokens: 12, temperature: 0 })) text += token.text;
      assert.is(reader.memorySize, 500);
      assert.ok(reader.perplexity("Lily had a red ball.") < 20);
      reader.release();
      return `${kept.model} ${kept.length} ${text}`;
    }),
  );
  assert.is(texts[0], texts[1]);
  for (const { model } of opened) model.release();
});

test.unless(absent, "a GGUF file from bytes is the same model as from its path", async () => {
  const { model } = await openModelFromFiles([{ name: "model.gguf", data: fs.readFileSync(gguf) }]);
  const other = openModel(gguf).model;
  assert.is(model.fingerprint(), other.fingerprint());
  assert.is.not(model.fingerprint(), openModel(hf).model.fingerprint());
});

test.unless(absent, "info says what a model is, and why it cannot be read", async () => {
  const llama = JSON.parse(await run("info", gguf, "--json"));
  assert.equal(
    [llama.family, llama.weights, llama.dtypes, llama.unreadable],
    ["llama", 260032, ["Q8_0", "F16", "F32"], null],
  );
  assert.equal([llama.memory_layers, llama.memory_bytes_per_token], [[0, 1, 2, 3, 4], 1280]);
  const gemma = JSON.parse(await run("info", `${reference}/gemma3_text`, "--json"));
  assert.equal([gemma.family, gemma.dtypes, gemma.memory_layers], ["gemma3_text", ["BF16"], [2]]);
  assert.match(gemma.unreadable, /has no tokenizer.json/);
  assert.match(await run("info", "reader-1m"), /memorizing-transformer[\s\S]*1,050,190[\s\S]*readable +yes/);
});

test.unless(absent, "weights in every form: what info tells, and how little a text's perplexity moves", async () => {
  const described = async (...options: string[]) => {
    const { bytes, kept_as } = JSON.parse(await run("info", gguf, "--json", ...options));
    return { bytes, kept_as };
  };
  const floats = { bytes: 4 * 260032, kept_as: "float32" };
  assert.equal(await described("--weights", "float32"), floats);
  const stored = await described();
  assert.is(stored.kept_as, "int8, float16, float32");
  assert.equal(await described("--weights", "stored"), stored);
  assert.ok(stored.bytes < 0.4 * floats.bytes, `${stored.bytes}`);
  const perplexity = async (...options: string[]) => {
    const evaluated = await run("eval", gguf, "--data", story, "--memory", "0", "--json", ...options);
    return JSON.parse(evaluated).results[0].perplexity;
  };
  const exact = await perplexity("--weights", "float32");
  const found = await perplexity();
  assert.is(await perplexity("--weights", "stored"), found);
  assert.ok(found !== exact && Math.abs(Math.log(found / exact)) < 0.005, `${found}, with floats ${exact}`);
  const memory = at("packed.memory.safetensors");
  await run("read", gguf, story, "--save", memory, ...small);
  await run("eval", gguf, "--data", story, "--load", memory, "--weights", "float32", ...small);
});

test.unless(absent, "what is wrong with a model or an option is one sentence", async () => {
  const made = (name: string, change: (config: Record<string, unknown>) => void) => {
    fs.cpSync(hf, at(name), { recursive: true });
    const config = JSON.parse(fs.readFileSync(at(`${name}/config.json`), "utf8"));
    change(config);
    fs.writeFileSync(at(`${name}/config.json`), JSON.stringify(config));
    return at(name);
  };
  const strange = made("strange", (config) => Object.assign(config, { model_type: "mamba" }));
  const wordless = made("wordless", () => {});
  fs.rmSync(`${wordless}/tokenizer.json`);
  const gated = made("gated", (config) => Object.assign(config, { hidden_act: "gelu" }));
  const wordy = made("wordy", () => {});
  fs.cpSync(join(modelDirectory("reader-1m"), "tokenizer.json"), `${wordy}/tokenizer.json`);
  const halved = at("halved");
  fs.cpSync(modelDirectory("reader-1m"), halved, { recursive: true });
  fs.writeFileSync(
    `${halved}/config.json`,
    fs.readFileSync(`${halved}/config.json`, "utf8").replace(/("intermediate_size": )512/, "$1256"),
  );
  fs.writeFileSync(at("cut.gguf"), fs.readFileSync(gguf).subarray(0, 200_000));
  const text = ["--data", story];
  const sentences: [args: string[], sentence: RegExp][] = [
    [["eval", strange, ...text], /config\.json: model_type is "mamba"; readable are gpt2, gpt_neo/],
    [["eval", wordless, ...text], /wordless has no tokenizer\.json/],
    [["info", gated], /gated\/config\.json: hidden_act is "gelu"; it must be "silu"/],
    [["eval", wordy, ...text], /wordy\/tokenizer\.json has 2048 tokens, but the model only 512; take the model's own/],
    [["eval", at("cut.gguf"), ...text], /cut\.gguf/],
    [["eval", at("none.gguf"), ...text], /none\.gguf/],
    [["eval", story, ...text], /story\.txt/],
    [["eval", hf, ...text, "--memory-layers", "0,5"], /there is no layer 5; the model has layers 0 to 4/],
    [["eval", hf, ...text, "--memory-layers", "most"], /--memory-layers/],
    [["eval", hf, ...text, "--weights", "int7"], /--weights/],
    [
      ["eval", "reader-1m", ...text, "--weights", "int8"],
      /reader-1m is a model of this program, whose weights are kept as float32/,
    ],
    [["info", "reader-1m", "--weights", "stored"], /kept as float32, not as "stored"; leave the option out/],
    [["eval", hf, ...text, "--recall"], /searches exactly/],
    [["eval", hf, ...text, "--set", "memory_search=exact"], /memory_search=exact means nothing/],
    [["eval", "reader-1m", ...text, "--window", "64"], /was trained with its own window/],
    [["eval", "reader-1m", ...text, "--memory-layers", "1"], /was trained with its own memory layers/],
    [["generate", hf, "--chat", "--prompt", "Hello"], /has no chat template/],
    [["generate", hf, "--chat"], /--chat needs/],
    [["read", gguf, story, "--save", gguf], /would replace .*\.gguf, which is read/],
  ];
  for (const [args, sentence] of sentences) assert.match(await refused(...args), sentence, args.join(" "));
  assert.match(await run("info", wordy), /readable +no: .*has 2048 tokens, but the model only 512/);
  assert.match(
    await run("info", halved),
    /readable +no: .*tensor "model.layers.0.mlp.up_proj.weight" has shape \[512,128\]/,
  );
});
