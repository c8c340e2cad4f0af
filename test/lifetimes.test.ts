/** Everything that is released: it says so when it is used again, harms nobody, and may be released twice. */
import * as assert from "uvu/assert";
import { step } from "../src/autodiff/tape.ts";
import { parameter, tensor } from "../src/autodiff/tensor.ts";
import { type Releasable, ReleasedError } from "../src/base/lifetime.ts";
import { KvMemory } from "../src/memory/memory.ts";
import { VectorStore } from "../src/memory/vector-store.ts";
import { makeParameters } from "../src/model/parameters.ts";
import { Transformer } from "../src/model/transformer.ts";
import { Reader } from "../src/reader.ts";
import { byteTokenizer } from "../src/text/tokenizer.ts";
import { adafactor, adamW } from "../src/train/optimizers.ts";
import { Trainer } from "../src/train/trainer.ts";
import { heap } from "../src/wasm/runtime.ts";
import { smallDecoder } from "./families/small-decoders.ts";
import { suite } from "./harness.ts";
import { randomDocuments, tinyConfig } from "./tiny.ts";

const test = suite("lifetimes");

test.before(() => step(() => void tensor([1]))); // from now on the arena has what it needs

interface Handle<T extends Releasable & Disposable> {
  make(): T;
  /** What may not be done any more, each with the handle that was released. */
  readonly uses: Readonly<Record<string, (handle: T) => unknown>>;
}

/** Keeps the types of one handle together. */
function handle<T extends Releasable & Disposable>(entry: Handle<T>): Handle<Releasable & Disposable> {
  return entry as unknown as Handle<Releasable & Disposable>;
}

const model = new Transformer(tinyConfig(), 1);
const decoder = smallDecoder("llama");
const tokenizer = byteTokenizer();
const documents = randomDocuments([40, 23, 9]);
const weight = parameter([3, 2], [1, 2, 3, 4, 5, 6]);
const blocks = model.parameters.blocks.map((block) => ({ ...block, lrScale: 1, weightDecay: 0 }));
const newStore = () => {
  const store = new VectorStore({ width: 2, size: 3 });
  store.append([1, 2], [3, 4]);
  return store;
};
const state = model.newState({ rows: 1 });
const snapshot = newStore().snapshot();
const trained = new Trainer(model, documents).save();

const handles = {
  VectorStore: handle({
    make: newStore,
    uses: {
      length: (store) => store.length,
      appended: (store) => store.appended,
      bytes: (store) => store.bytes,
      append: (store) => store.append([1, 2], [3, 4]),
      lookup: (store) => store.lookup([1, 2], 1),
      snapshot: (store) => store.snapshot(),
    },
  }),
  KvMemory: handle({
    make: () => new KvMemory({ rows: 1, heads: 1, width: 2, size: 3, segment: 1 }, { kind: "inverted" }),
    uses: {
      size: (memory) => memory.size,
      length: (memory) => memory.length(0),
      appended: (memory) => memory.appended(0),
      serial: (memory) => memory.serial(0, 0),
      value: (memory) => memory.value(0, 0, 0),
      reset: (memory) => memory.reset(0),
      append: (memory) => memory.append(0, weight.ptr, weight.ptr, 1),
      lookup: (memory) => step(() => memory.lookup(tensor([1, 2], [1, 1, 2]), 1)),
      lookupExactly: (memory) => step(() => memory.lookupExactly(tensor([1, 2], [1, 1, 2]), 1)),
      contents: (memory) => memory.contents(0),
      restore: (memory) => memory.restore(0, 1, { keys: new Float32Array(2), values: new Float32Array(2) }),
    },
  }),
  ModelState: handle({
    make: () => model.newState({ rows: 1, tokenizer }),
    uses: {
      forward: (state) => step(() => model.forward({ ids: Int32Array.of(1) }, state)),
      begin: (state) => state.begin(undefined),
      endDocument: (state) => state.endDocument(),
      context: (state) => state.context(0),
      save: (state) => state.save(),
      memory: (state) => state.memories.get(1)?.length(0),
    },
  }),
  DecoderState: handle({
    make: () => decoder.newState({ rows: 1, memorySize: 3, tokenizer }),
    uses: {
      forward: (state) => step(() => decoder.forward({ ids: Int32Array.of(1) }, state)),
      begin: (state) => state.begin(undefined),
      endDocument: (state) => state.endDocument(),
      memory: (state) => state.memories.get(0)?.length(0),
    },
  }),
  Decoder: handle({
    make: () => smallDecoder("llama"),
    uses: {
      logits: (other) => step(() => other.logits(tensor(new Float32Array(8), [1, 1, 8]))),
      parameters: (other) => other.parameters.get("embed.weight"),
    },
  }),
  Parameters: handle({
    make: () => makeParameters(model.config, 1),
    uses: {
      get: (parameters) => parameters.get("model.norm.weight"),
      group: (parameters) => parameters.group("model.norm.weight"),
      zeroGradients: (parameters) => parameters.zeroGradients(),
      blocks: (parameters) => parameters.blocks[0].values.toArray(),
    },
  }),
  Transformer: handle({
    make: () => new Transformer(model.config),
    uses: {
      forward: (other) => step(() => other.forward({ ids: Int32Array.of(1) }, state)),
      logits: (other) => step(() => other.logits(tensor(new Float32Array(12), [1, 1, 12]))),
    },
  }),
  Reader: handle({
    make: () => new Reader(model, tokenizer),
    uses: {
      memorySize: (reader) => reader.memorySize,
      remembered: (reader) => reader.remembered,
      memoryBytes: (reader) => reader.memoryBytes,
      read: (reader) => reader.read("a text"),
      generate: (reader) => reader.generate("a").next(),
      perplexity: (reader) => reader.perplexity("a text"),
      inspect: (reader) => reader.inspect("a text"),
      snapshot: (reader) => reader.snapshot(),
      restore: (reader) => reader.restore(snapshot),
    },
  }),
  Trainer: handle({
    make: () => new Trainer(model, documents),
    uses: {
      trainStep: (trainer) => trainer.trainStep(),
      trainStepTogether: (trainer) => trainer.trainStepTogether((own) => [own]),
      advance: (trainer) => trainer.advance(),
      keyCosines: (trainer) => trainer.keyCosines(),
      save: (trainer) => trainer.save(),
      load: (trainer) => trainer.load(trained.record, Object.create(null)),
    },
  }),
  AdamW: handle({
    make: () => adamW(blocks),
    uses: { step: (optimizer) => optimizer.step(1), state: (optimizer) => optimizer.state() },
  }),
  Adafactor: handle({
    make: () => adafactor([{ name: "weight", tensor: weight, lrScale: 1 }]),
    uses: { step: (optimizer) => optimizer.step(1), state: (optimizer) => optimizer.state() },
  }),
  "a persistent tensor": handle({
    make: () => parameter([3]),
    uses: {
      toArray: (each) => each.toArray(),
      set: (each) => each.set([1, 2, 3]),
      fill: (each) => each.fill(1),
      gradient: (each) => each.grad?.toArray(),
    },
  }),
};

test("a small example, written out: a store of one pair, and what it says after its release", () => {
  const store = newStore();
  assert.is(store.length, 1);
  store.release();
  assert.throws(() => store.length, /^this VectorStore was released and cannot be used any more; make another one$/);
});

for (const [name, { make, uses }] of Object.entries(handles)) {
  test(`${name}: a released one says so whatever is done with it, and the next owner of its bytes is left alone`, async () => {
    make().release();
    const before = heap.bytesInUse;
    const released = make();
    const bytes = heap.bytesInUse - before;
    released.release();
    assert.is(heap.bytesInUse, before);
    const next = heap.allocate(bytes);
    heap.u8(next, bytes).fill(7);
    for (const [use, action] of Object.entries(uses)) {
      const error = await (async () => action(released))().catch((reason: Error) => reason);
      assert.instance(error, ReleasedError, `${use}: ${error}`);
      assert.match(
        String((error as Error).message),
        /^th\S+ .*was released and cannot be used any more; make another one$/,
      );
    }
    released.release();
    released[Symbol.dispose]();
    assert.ok(heap.u8(next, bytes).every((byte) => byte === 7));
    heap.release(next);
    assert.is(heap.bytesInUse, before);
  });

  test(`${name}: dispose is release`, () => {
    const before = heap.bytesInUse;
    const disposed = make();
    assert.ok(heap.bytesInUse > before);
    disposed[Symbol.dispose]();
    assert.is(heap.bytesInUse, before);
  });
}

test("a reader that is released at work ends it with that sentence, and a loop that is left ends without one", async () => {
  const reader = new Reader(model, tokenizer);
  const reading = reader.read("a long text, ".repeat(2000));
  reader.release();
  assert.instance(await reading.catch((error) => error), ReleasedError);
  const writer = new Reader(model, tokenizer);
  for await (const _ of writer.generate("a")) {
    writer.release();
    break;
  }
});

test("an optimizer and a trainer notice that their model was released", () => {
  const other = new Transformer(model.config);
  const optimizer = adamW(other.parameters.blocks.map((block) => ({ ...block, lrScale: 1, weightDecay: 0 })));
  const trainer = new Trainer(other, documents);
  other.release();
  assert.throws(
    () => optimizer.step(1),
    (error: unknown) => error instanceof ReleasedError,
  );
  assert.throws(
    () => trainer.trainStep(),
    (error: unknown) => error instanceof ReleasedError,
  );
  trainer.release();
  optimizer.release();
});
