/** The public functions of models and memories, each with good arguments; those of the engine and of files are in other tables. */
import * as assert from "uvu/assert";
import type { Random } from "../../src/base/random.ts";
import { TensorReader } from "../../src/formats/tensor-reader.ts";
import * as library from "../../src/index.ts";
import type { Found } from "../../src/memory/vector-store.ts";
import { below } from "./api-values.ts";
import type { World } from "./api-world.ts";
import { bpe, mixedTensors, record, snapshot } from "./seeds.ts";

/** One public function. */
export interface Call {
  /** As index.ts exports it, or `Class.method`. */
  readonly name: string;
  /** The object whose method it is. */
  readonly on?: object;
  args(random: Random): unknown[];
  /** Calls the function. The result may be a promise or a generator. */
  run(...args: never[]): unknown;
  /** Fails if the result is wrong for these arguments, which were accepted. */
  verify?(result: unknown, args: readonly unknown[]): void;
}

const floats = (random: Random, length: number) => Float32Array.from({ length }, () => random.normal());
const ids = (random: Random, length: number) => Int32Array.from({ length }, () => 97 + below(9, random));
const nothing = () => undefined;

/** Stores and memories by themselves. */
export function memoryCalls({ store, half, memory, listed, tokenizer, vector }: World): Call[] {
  const [log, full] = [0, 1].map(() => new library.SourceLog(12, tokenizer));
  full.read(new Int32Array(30));
  const shape = { rows: 1, heads: 2, width: 3, size: 9, segment: 2 };
  const contents = (random: Random) => ({ keys: floats(random, 30), values: floats(random, 30) });
  return [
    {
      name: "VectorStore",
      args: () => [{ width: 4, size: 9, heads: 1, search: "quantised", dtype: "float16" }],
      run: (options) => new library.VectorStore(options),
    },
    {
      name: "VectorStore.from",
      args: () => [store.snapshot(), { search: "inverted", size: 30 }],
      run: (from, options) => library.VectorStore.from(from, options),
    },
    ...[store, half].map(
      (on): Call => ({
        name: "VectorStore.append",
        on,
        args: (random) => [floats(random, 2 * on.heads * on.width), floats(random, 2 * on.heads * on.width)],
        run: (keys, values) => on.append(keys, values),
        verify: (_, [keys]) => assert.ok(on.length <= on.size && Array.from(keys as number[]).every(Number.isFinite)),
      }),
    ),
    {
      name: "VectorStore.lookup",
      on: store,
      args: (random) => [floats(random, 24), 1 + below(30, random)],
      run: (queries, topk) => store.lookup(queries, topk),
      verify: (found, [queries]) => assertNearest(store, found as Found, queries as Float32Array),
    },
    { name: "VectorStore.snapshot", on: store, args: () => [], run: () => store.snapshot() },
    {
      name: "KvMemory",
      args: () => [shape, { kind: "bucketed", bucketsPerNeighbour: 2, dtype: "float32" }],
      run: (given, options) => new library.KvMemory(given, options),
    },
    ...[memory, listed].flatMap((on): Call[] => [
      {
        name: "KvMemory.append",
        on,
        args: () => [1, vector.ptr, vector.ptr, 2],
        run: (row, keys, values, count) => on.append(row, keys, values, count),
      },
      {
        name: "KvMemory.restore",
        on,
        args: (random) => [0, 3, contents(random)],
        run: (row, appended, given) => on.restore(row, appended, given),
      },
      {
        name: "KvMemory.lookup",
        on,
        args: (random) => [floats(random, 20), [2, 1, 10], 3, on === listed ? undefined : [40, 2]],
        run: (numbers, axes, topk, reach) =>
          library.step(() => on.lookup(library.tensor(numbers, axes), topk, reach).counts),
      },
    ]),
    { name: "KvMemory.reset", on: memory, args: () => [1], run: (row) => memory.reset(row) },
    { name: "KvMemory.contents", args: () => [0], run: (row) => memory.contents(row) },
    { name: "KvMemory.value", args: () => [0, 1, 2], run: (row, head, slot) => memory.value(row, head, slot) },
    { name: "KvMemory.serial", args: () => [0, 2], run: (row, slot) => memory.serial(row, slot) },
    { name: "KvMemory.length", args: () => [0], run: (row) => memory.length(row) },
    { name: "memoryBytes", args: () => [shape, { kind: "inverted", lists: 4 }], run: library.memoryBytes },
    { name: "encodeMemory", args: () => [snapshot(3)], run: library.encodeMemory },
    { name: "decodeMemory", args: () => [library.encodeMemory(snapshot(3)), "file"], run: library.decodeMemory },
    { name: "mergeSnapshots", args: () => [[snapshot(3), snapshot(2)], 4], run: library.mergeSnapshots },
    { name: "SourceLog", args: () => [5, tokenizer], run: (size, bytes) => new library.SourceLog(size, bytes) },
    { name: "SourceLog.openDocument", args: () => ["a"], run: (name) => log.openDocument(name) },
    { name: "SourceLog.read", args: (random) => [ids(random, 5)], run: (read) => log.read(read) },
    { name: "SourceLog.at", args: () => [3], run: (slot) => full.at(slot) },
    { name: "SourceLog.copyOut", args: () => [0], run: (count) => log.copyOut(count) },
    { name: "SourceLog.copyIn", args: () => [9, snapshot(3).sources], run: (n, table) => log.copyIn(n, table) },
  ];
}

/** The best of a store by plain sums in double precision. */
function assertNearest(store: library.VectorStore, { k, scores, serials }: Found, queries: ArrayLike<number>): void {
  const { heads, width, length } = store;
  const keys = store.snapshot().layers.get(0)?.keys as Float32Array; // [H, n, D]
  const rounded = Float32Array.from(queries);
  for (let list = 0; list < rounded.length / width; list++) {
    const [head, query] = [list % heads, rounded.subarray(list * width, (list + 1) * width)];
    const score = (pair: number) => query.reduce((sum, x, d) => sum + x * keys[(head * length + pair) * width + d], 0);
    const best = Array.from({ length }, (_, pair) => score(pair)).sort((a, b) => b - a);
    const scale = 1e-6 * Math.hypot(...query) * Math.hypot(...keys);
    for (let i = 0; i < k; i++) {
      const at = list * k + i;
      assert.ok(Math.abs(scores[at] - best[i]) <= scale, `score ${scores[at]}, not ${best[i]}`);
      const pair = serials[at] - (store.appended - length);
      assert.ok(Math.abs(score(pair) - best[i]) <= scale, `pair ${pair} is not the nearest`);
    }
    assert.is(new Set(serials.subarray(list * k, (list + 1) * k)).size, k, "no pair twice");
  }
}

/** Models, and what reads and writes with them. */
export function modelCalls(
  { model, state, wide, reader, tokenizer, documents, trainer }: World,
  inspection: library.Inspection,
): Call[] {
  const savedTrainer = () => {
    const { record, tensors } = trainer.save();
    return [record, new TensorReader(tensors, "saved")];
  };
  const words = library.wordsOfTokens(library.tokenTexts(tokenizer, inspection.ids));
  const known = reader.snapshot();
  const options = { tokens: 3, temperature: 0.5, topK: 3, topP: 0.9, seed: 4 };
  const { config } = model;
  return [
    { name: "parseConfig", args: () => [{ hidden_size: 8, memory_layers: [0] }, "c"], run: library.parseConfig },
    { name: "applyOverrides", args: () => [config, ["memory_size=9"], "--set"], run: library.applyOverrides },
    { name: "preset", args: () => ["tiny"], run: library.preset },
    { name: "Transformer", args: () => [config, 3], run: (given, seed) => new library.Transformer(given, seed) },
    {
      name: "Transformer.newState",
      args: () => [{ rows: 2, memorySize: 9, tokenizer }],
      run: (o) => model.newState(o),
    },
    {
      name: "Transformer.forward",
      on: wide,
      args: (random) => [
        {
          ids: ids(random, 6),
          starts: [0, 0, 0],
          lengths: [1, 2, 0],
          reach: [2, 0, 9],
          dropoutKey: 3,
          observe: nothing,
        },
        wide,
      ],
      run: (input, of) => library.step(() => model.forward(input, of).size),
    },
    { name: "Parameters.get", args: () => ["model.norm.weight"], run: (name) => model.parameters.get(name).size },
    { name: "modelTensors", args: () => [model], run: library.modelTensors },
    { name: "halfModelTensors", args: () => [model], run: library.halfModelTensors },
    { name: "modelFromTensors", args: () => [config, library.modelTensors(model), "m"], run: library.modelFromTensors },
    {
      name: "openModelFromFiles",
      args: () => {
        const texts = Object.entries({ "config.json": config, "tokenizer.json": tokenizer.toJSON() });
        const files = texts.map(([name, value]) => ({ name, data: new TextEncoder().encode(JSON.stringify(value)) }));
        const weights = library.writeSafetensors(library.modelTensors(model));
        return [[...files, { name: "model.safetensors", data: weights }], { neighbours: 2 }];
      },
      run: library.openModelFromFiles,
    },
    {
      name: "generate",
      on: state,
      args: (random) => [model, tokenizer, state, ids(random, 3), options],
      run: library.generate,
    },
    {
      name: "readDocument",
      on: state,
      args: (random) => [model, state, ids(random, 12), { name: "a", onProgress: nothing }],
      run: library.readDocument,
    },
    {
      name: "memorizeDocument",
      on: state,
      args: (random) => [model, state, ids(random, 12), { name: "a", onProgress: nothing }],
      run: library.memorizeDocument,
    },
    { name: "memorizeDocuments", on: state, args: () => [model, state, documents, {}], run: library.memorizeDocuments },
    {
      name: "readDocuments",
      on: state,
      args: (random) => [model, state, documents, ids(random, 2), {}],
      run: library.readDocuments,
    },
    {
      name: "Reader",
      args: () => [model, tokenizer, { memorySize: 9 }],
      run: (...args) => new library.Reader(...(args as [never, never])),
    },
    {
      name: "Reader.read",
      on: reader,
      args: () => ["a text of some length", { name: "a" }],
      run: (text, o) => reader.read(text, o),
    },
    { name: "Reader.generate", on: reader, args: () => ["a", options], run: (prompt, o) => reader.generate(prompt, o) },
    {
      name: "Reader.generateInspected",
      on: reader,
      args: () => ["a", { ...options, top: 2 }],
      run: (prompt, o) => reader.generateInspected(prompt, o),
    },
    { name: "Reader.perplexity", args: () => ["a text"], run: (text) => reader.perplexity(text) },
    { name: "Reader.inspect", args: () => ["a text", { top: 2 }], run: (text, o) => reader.inspect(text, o) },
    { name: "Reader.restore", on: reader, args: () => [known], run: (from) => reader.restore(from) },
    {
      name: "inspect",
      args: (random) => [
        model,
        tokenizer,
        ids(random, 9),
        { name: "a", memorySize: 30, known, top: 2, onProgress: nothing },
      ],
      run: library.inspect,
    },
    {
      name: "InspectedReading",
      args: (random) => [model, tokenizer, ids(random, 9), { memorySize: 30, known, top: 2 }],
      run: (...args) => new library.InspectedReading(...(args as [never, never, never])),
    },
    {
      name: "inspectGeneration",
      on: state,
      args: (random) => [model, tokenizer, state, ids(random, 2), { ...options, top: 2 }],
      run: library.inspectGeneration,
    },
    {
      name: "summarize",
      args: () => [inspection, words, 3],
      run: library.summarize,
    },
    {
      name: "evaluate",
      args: () => [model, documents, tokenizer, { memorySizes: [0, 9], maxTokens: 10, rows: 2, recall: true, known }],
      run: library.evaluate,
      verify: (result) =>
        assert.ok((result as library.EvaluationResult).results.every(({ perplexity }) => perplexity > 0)),
    },
    { name: "trainingBytes", args: () => [config, { batchSize: 2 }], run: library.trainingBytes },
    {
      name: "Trainer",
      args: () => [model, documents, { batchSize: 2, steps: 3 }],
      run: (...args) => new library.Trainer(...(args as [never, never])),
    },
    {
      name: "Trainer.load",
      on: trainer,
      args: savedTrainer,
      run: (of, tensors) => trainer.load(of, tensors),
    },
    { name: "Trainer.trainStep", on: trainer, args: () => [], run: () => trainer.trainStep() },
    {
      name: "evaluationBatches",
      args: () => [documents, { rows: 2, segmentLength: 7, maxTokens: 9 }],
      run: library.evaluationBatches,
    },
    {
      name: "TrainingBatches",
      args: () => [documents, { rows: 2, segmentLength: 7, seed: 3 }],
      run: (of, o) => new library.TrainingBatches(of, o).next(),
    },
    {
      name: "TrainingBatches.restore",
      args: () => [{ ...record.batches, places: [null, { document: 1, offset: 14 }] }],
      run: (saved) => new library.TrainingBatches(documents, { rows: 2, segmentLength: 7, seed: 3 }).restore(saved),
    },
  ];
}

/** Texts, tokens, files as bytes, random numbers. */
export function textCalls({ tokenizer }: World): Call[] {
  const words = ["a ", "word"];
  const trained = library.tokenizerFromJson(bpe, "t");
  return [
    {
      name: "trainBpe",
      args: () => [["the then", "the hen"], { vocabSize: 260, onProgress: nothing }],
      run: library.trainBpe,
    },
    { name: "tokenizerFromJson", args: () => [structuredClone(bpe), "t"], run: library.tokenizerFromJson },
    { name: "chatTemplate", args: () => ["<|im_start|><|im_end|>", {}, "t"], run: library.chatTemplate },
    { name: "encodePrompt", args: () => [tokenizer, { text: "the", marks: [[0, 1]] }], run: library.encodePrompt },
    { name: "readTokenizerConfig", args: () => [{ eos_token: "a" }, "t"], run: library.readTokenizerConfig },
    {
      name: "tokenizerFromGguf",
      args: () => [{ model: "gpt2", tokens: Object.keys(bpe.model.vocab), merges: bpe.model.merges.map(String) }, "t"],
      run: library.tokenizerFromGguf,
    },
    { name: "byteTokenizer", args: () => [], run: library.byteTokenizer },
    ...[tokenizer, trained].flatMap((each): Call[] => [
      { name: "Tokenizer.encode", args: () => ["the 121"], run: (text) => each.encode(text) },
      { name: "Tokenizer.decode", args: (random) => [ids(random, 5)], run: (list) => each.decode(list) },
      { name: "Tokenizer.bytes", args: () => [97], run: (id) => each.bytes(id) },
      { name: "Tokenizer.byteLength", args: () => [97], run: (id) => each.byteLength(id) },
    ]),
    { name: "TokenStream", args: () => [tokenizer], run: (of) => new library.TokenStream(of) },
    {
      name: "TokenStream.follow",
      args: (random) => [ids(random, 4)],
      run: (of) => new library.TokenStream(tokenizer).follow(of),
    },
    { name: "TokenStream.push", args: () => [97], run: (id) => new library.TokenStream(tokenizer).push(id) },
    { name: "tokenTexts", args: (random) => [tokenizer, ids(random, 4)], run: library.tokenTexts },
    { name: "wordsOfTokens", args: () => [words], run: library.wordsOfTokens },
    {
      name: "readSafetensors",
      args: () => [library.writeSafetensors(mixedTensors()), "f"],
      run: library.readSafetensors,
    },
    { name: "writeSafetensors", args: () => [mixedTensors(), { note: "a" }], run: library.writeSafetensors },
    { name: "constant", args: () => [3], run: library.constant },
    { name: "rsqrt", args: () => [3], run: library.rsqrt },
    { name: "cosine", args: () => [9, 3, 0.1], run: library.cosine },
    { name: "Random", args: () => [3], run: (seed) => new library.Random(seed) },
    { name: "Random.from", args: () => [[1, 2, 3, 4]], run: library.Random.from },
  ];
}
