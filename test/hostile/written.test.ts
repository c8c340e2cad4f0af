/** No writer is laxer than its reader: input is refused at once, or written and read back bit-identical. */
import { rmSync } from "node:fs";
import * as fc from "fast-check";
import * as assert from "uvu/assert";
import { InputError } from "../../src/base/errors.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { readMemory, writeMemory } from "../../src/memory/disk.ts";
import { decodeMemory, encodeMemory } from "../../src/memory/memory-file.ts";
import { type MemorySnapshot, mergeSnapshots } from "../../src/memory/snapshot.ts";
import { VectorStore } from "../../src/memory/vector-store.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Reader } from "../../src/reader.ts";
import { trainBpe } from "../../src/text/bpe-trainer.ts";
import { byteTokenizer, tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { loadModel, saveModel } from "../../src/train/checkpoint.ts";
import { asFloats, asHalves } from "../../src/wasm/half.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";
import { newDirectory } from "./attack.ts";
import { bpe, snapshot } from "./seeds.ts";

const test = suite("written files");
let directory = "";

test.before(() => {
  directory = newDirectory();
});
test.after(() => rmSync(directory, { recursive: true }));

test("a small example, written out: two bytes are written and read back, and refused under a shape of three", () => {
  const file = (shape: number[]) =>
    writeSafetensors(new Map([["w", { dtype: "U8", shape, data: Uint8Array.of(7, 8) }]]));
  assert.equal(readSafetensors(file([2]), "x").tensors.get("w")?.data, Uint8Array.of(7, 8));
  assert.throws(
    () => file([3]),
    (error: unknown) => error instanceof InputError,
  );
});

/** How often something was taken and how often refused; each property must have met both. */
class Count {
  taken = 0;
  refused = 0;

  /** Returns the result of `make`, undefined if it refuses. */
  of<T>(make: () => T): T | undefined {
    try {
      const made = make();
      this.taken++;
      return made;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      this.refused++;
      return undefined;
    }
  }

  assertBoth(): void {
    assert.ok(this.taken > 10 && this.refused > 3, `${this.taken} taken, ${this.refused} refused`);
  }
}

/** Any UTF-16: halves of characters as well. */
const anyText = fc
  .array(fc.oneof(fc.nat(0x17f), fc.constantFrom(0xd83c, 0xdf89, 0xfeff, 0xffff)), { maxLength: 6 })
  .map((units) => String.fromCharCode(...units));
const numbers = fc.oneof(
  { weight: 30, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true, min: -4, max: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity, 1e300, -1e39, 3e38, 1e-45, -0) },
);
const sizes = fc.constantFrom(1, 2, 3, 5);
/** Values where they do not belong. */
const odd = fc.constantFrom<unknown[]>(
  null,
  undefined,
  -1,
  1.5,
  NaN,
  2 ** 40,
  "7",
  "",
  "\ud83c",
  [],
  {},
  5n,
  new Uint8Array(3),
);

function sameSnapshot(read: MemorySnapshot, written: MemorySnapshot): void {
  assert.equal({ ...read, name: "" }, { ...written, name: "" });
  assert.equal(encodeMemory(read), encodeMemory(written), "bit-identical");
}

test("pairs of a vector store, of any numbers, in any type of array", () => {
  const count = new Count();
  const shape = fc.record({ width: sizes, size: sizes, heads: sizes, half: fc.boolean() });
  fc.assert(
    fc.property(shape, fc.array(numbers, { maxLength: 90 }), fc.nat(2), ({ half, ...shape }, list, type) => {
      const dtype = half ? "float16" : "float32";
      const store = new VectorStore({ ...shape, dtype });
      const pairs = list.slice(0, list.length - (list.length % (shape.width * shape.heads)));
      const array = [Float32Array.from(pairs), Float64Array.from(pairs), pairs][type];
      count.of(() => store.append(array, array));
      const written = store.snapshot();
      const read = decodeMemory(encodeMemory(written), "x");
      sameSnapshot(read, written);
      const again = VectorStore.from(read, { dtype });
      sameSnapshot(again.snapshot(), written);
      for (const each of [store, again]) each.release();
    }),
    { numRuns: 200 },
  );
  count.assertBoth();
});

test("memories of a reader, with documents of any names", async () => {
  const count = new Count();
  const model = new Transformer(tinyConfig(), 1);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(anyText, anyText), { maxLength: 4 }), async (documents) => {
      const reader = new Reader(model, byteTokenizer());
      for (const [name, text] of documents) {
        const error = await reader.read(text, { name }).catch((reason) => reason);
        count.of(() => {
          if (error !== undefined) throw error;
        });
      }
      const written = reader.snapshot();
      writeMemory(`${directory}/memory`, written);
      const read = readMemory(`${directory}/memory`);
      sameSnapshot(read, written);
      reader.restore(read);
      sameSnapshot(reader.snapshot(), written);
      reader.release();
    }),
  );
  count.assertBoth();
});

test("snapshots of a program's own making, with anything in any place", () => {
  const count = new Count();
  const key = fc.constantFrom(...Object.keys(snapshot(3)), "keys", "values", "documents", "document", "begin", "layer");
  const value = fc.oneof(odd, anyText, fc.array(anyText, { maxLength: 2 }), fc.nat(9), numbers);
  fc.assert(
    fc.property(fc.nat(4), fc.array(fc.tuple(key, value, fc.nat(8)), { maxLength: 2 }), (length, changes) => {
      const made = changes.reduce((made, [key, value, place]) => changed(made, key, value, place), snapshot(length));
      const bytes = count.of(() => encodeMemory(made));
      if (bytes === undefined) return;
      sameSnapshot(decodeMemory(bytes, "x"), made);
      const merged = count.of(() => mergeSnapshots([made, made], made.size));
      if (merged !== undefined) sameSnapshot(decodeMemory(encodeMemory(merged), "x"), merged);
    }),
    { numRuns: 1000 },
  );
  count.assertBoth();
});

/** The snapshot with another value under `key`, or at some place of one of its arrays. */
function changed(made: MemorySnapshot, key: string, value: unknown, place: number): MemorySnapshot {
  const contents = made.layers instanceof Map ? made.layers.get(1) : undefined;
  const array = { keys: contents?.keys, values: contents?.values, ...made.sources?.columns }[key];
  if (array instanceof Float32Array || array instanceof Int32Array) array[place % (array.length + 1)] = Number(value);
  else if (key === "documents") return { ...made, sources: { ...made.sources, documents: value } as never };
  else if (key === "layer" && contents !== undefined)
    return { ...made, layers: new Map([...made.layers, [value as number, contents]]) };
  else return { ...made, [key]: value };
  return made;
}

test("tensors and metadata of any names and shapes", () => {
  const count = new Count();
  const data = fc.constantFrom(
    new Float32Array(6),
    new Uint16Array(6),
    new Int32Array(2),
    new BigInt64Array(1),
    [1, 2],
  );
  const dtype = fc.constantFrom("F32", "F16", "I32", "I64", "F64", "U8");
  const shape = fc.array(fc.oneof({ weight: 9, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: odd }), {
    maxLength: 3,
  });
  const tensor = fc.oneof(
    { weight: 3, arbitrary: fc.constant({ dtype: "F32", shape: [2, 3], data: new Float32Array(6).fill(NaN) }) },
    { weight: 1, arbitrary: fc.record({ dtype, shape, data }) },
  );
  const name = fc.oneof(anyText, fc.constantFrom("__metadata__", "__proto__", "0"));
  const metadata = fc.array(
    fc.tuple(anyText, fc.oneof({ weight: 9, arbitrary: anyText }, { weight: 1, arbitrary: odd })),
    { maxLength: 2 },
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, tensor), { maxLength: 2 }), metadata, (entries, pairs) => {
      const [tensors, texts] = [
        new Map(entries) as Map<string, StoredTensor>,
        Object.fromEntries(pairs) as Record<string, string>,
      ];
      const bytes = count.of(() => writeSafetensors(tensors, texts));
      if (bytes === undefined) return;
      const read = readSafetensors(bytes, "x");
      assert.equal([...read.tensors].map(bitsOf).sort(), [...tensors].map(bitsOf).sort());
      assert.equal({ ...read.metadata }, { ...texts });
    }),
    { numRuns: 500 },
  );
  count.assertBoth();
});

function bitsOf([name, { dtype, shape, data }]: [string, StoredTensor]): string {
  return JSON.stringify([name, dtype, shape, [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]]);
}

test("models of any weights, in floats and halves", () => {
  const count = new Count();
  const model = new Transformer(tinyConfig(), 1);
  const weight = fc.oneof(
    { weight: 3, arbitrary: numbers },
    { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, 7e4) },
  );
  const place = fc.tuple(fc.constantFrom(...model.parameters.names()), fc.nat(1), weight);
  fc.assert(
    fc.property(fc.array(place, { maxLength: 3 }), fc.boolean(), (changes, half) => {
      const before = new Map(model.parameters.names().map((name) => [name, model.parameters.get(name).toArray()]));
      for (const [name, at, value] of changes) {
        const weight = model.parameters.get(name);
        weight.set(weight.toArray().fill(value, at, at + 1));
      }
      const dtype = half ? "float16" : "float32";
      const saved = count.of(() => saveModel(`${directory}/model`, model, byteTokenizer(), { dtype }) ?? true);
      if (saved) {
        const { model: read } = loadModel(`${directory}/model`);
        for (const name of model.parameters.names()) {
          const [got, had] = [read, model].map(({ parameters }) => parameters.get(name).toArray());
          assert.equal(got, half ? asFloats(asHalves(had)) : had, name);
        }
        assert.equal({ ...read.config }, { ...model.config });
        read.release();
      }
      for (const [name, values] of before) model.parameters.get(name).set(values);
    }),
    { numRuns: 60 },
  );
  count.assertBoth();
});

test("tokenizers with any added token, and any other keys", () => {
  const count = new Count();
  const good = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom("<|end|>", "🎉", "\ufeff"));
  const content = fc.oneof({ weight: 4, arbitrary: good }, { weight: 1, arbitrary: anyText });
  const strange = fc.oneof(anyText, odd, fc.constantFrom<unknown[]>([[undefined]], { nested: [NaN] }));
  const value = fc.oneof({ weight: 3, arbitrary: fc.jsonValue() }, { weight: 1, arbitrary: strange });
  const added = Object.keys(bpe.model.vocab).length;
  const model = new Transformer(tinyConfig({ vocab_size: added + 1 }), 1);
  fc.assert(
    fc.property(content, fc.constantFrom("version", "note", "more", "\udf89"), value, (content, key, value) => {
      const json = { ...bpe, added_tokens: [{ id: added, content }], [key]: value };
      const tokenizer = count.of(() => tokenizerFromJson(json, "t"));
      if (tokenizer === undefined) return;
      saveModel(`${directory}/tokenizer`, model, tokenizer);
      const read = loadModel(`${directory}/tokenizer`).tokenizer;
      assert.equal(read.toJSON(), JSON.parse(JSON.stringify(tokenizer.toJSON())));
      const text = `then the ${content} theme`;
      if (!/\p{Surrogate}/u.test(text)) assert.is(read.decode(read.encode(text)), text);
    }),
    { numRuns: 100 },
  );
  count.assertBoth();
});

test("vocabularies learned from any texts", () => {
  fc.assert(
    fc.property(fc.array(anyText, { maxLength: 5 }), (texts) => {
      const json = trainBpe([...texts, ...texts], { vocabSize: 270 });
      assert.equal(tokenizerFromJson(JSON.parse(JSON.stringify(json)), "t").toJSON(), json);
    }),
  );
});
