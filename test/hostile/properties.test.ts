/** Properties of readers for all files, with files made at random by fast-check and shrunk when one fails. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import * as fc from "fast-check";
import * as assert from "uvu/assert";
import { InputError } from "../../src/base/errors.ts";
import { readTextFile } from "../../src/data/corpus.ts";
import { parseJson } from "../../src/formats/json.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { mechanismFields } from "../../src/mechanisms/settings.ts";
import { decodeMemory, encodeMemory } from "../../src/memory/memory-file.ts";
import { configFields, parseConfig } from "../../src/model/config.ts";
import { BYTE_SYMBOLS, type Merge } from "../../src/text/byte-level.ts";
import { tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { byteLevelJson } from "../../src/text/tokenizer-json.ts";
import { readMetrics } from "../../src/train/metrics.ts";
import { suite } from "../harness.ts";
import { newDirectory } from "./attack.ts";
import { metrics, snapshot } from "./seeds.ts";

const test = suite("properties of readers");
let directory = "";

test.before(() => {
  directory = newDirectory();
});
test.after(() => rmSync(directory, { recursive: true }));

/** Returns the result of `read`, undefined if it refuses. */
function accepted<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

test("a small example, written out: a reader accepts its file, and refuses it cut short", () => {
  assert.equal(
    accepted(() => parseJson('{"a": 1}', "x")),
    { a: 1 },
  );
  assert.is(
    accepted(() => parseJson('{"a": 1', "x")),
    undefined,
  );
});

const text = fc.string({ unit: "binary" });
const name = fc.oneof(text, fc.constantFrom("__proto__", "constructor", "toString", "0", ""));
const shape = fc.array(fc.nat(4), { maxLength: 4 });

const tensor: fc.Arbitrary<StoredTensor> = fc
  .record({ dtype: fc.constantFrom("F32", "F16", "I32", "U32", "I64", "U8"), shape, seed: fc.nat() })
  .map(({ dtype, shape, seed }) => {
    const makers = {
      F32: (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(seed + i)),
      F16: (n: number) => Uint16Array.from({ length: n }, (_, i) => seed + i),
      I32: (n: number) => Int32Array.from({ length: n }, (_, i) => seed - i),
      U32: (n: number) => Uint32Array.from({ length: n }, (_, i) => seed + i),
      I64: (n: number) => BigInt64Array.from({ length: n }, (_, i) => BigInt(seed - i) * 2n ** 31n),
      U8: (n: number) => Uint8Array.from({ length: n }, (_, i) => seed + i),
    };
    const size = shape.reduce((product, extent) => product * extent, 1);
    return { dtype, shape, data: makers[dtype](size) } as StoredTensor;
  });

test("tensors of any names, types and shapes come back bit-identical", () => {
  const tables = fc.array(fc.tuple(name, tensor), { maxLength: 6 });
  const metadata = fc.dictionary(
    name.filter((key) => key !== "__proto__"),
    text,
  );
  fc.assert(
    fc.property(tables, metadata, (entries, metadata) => {
      const tensors = new Map(entries);
      const file = readSafetensors(writeSafetensors(tensors, metadata), "x");
      assert.equal(new Map([...file.tensors].sort()), new Map([...tensors].sort()));
      assert.equal({ ...file.metadata }, { ...metadata });
    }),
  );
});

test("a file with tensors at any offsets is read only if they cover its data, each byte once", () => {
  const span = fc.tuple(fc.nat(6), fc.nat(6));
  fc.assert(
    fc.property(fc.array(span, { maxLength: 4 }), fc.nat(8), (spans, size) => {
      const header = Object.fromEntries(
        spans.map(([begin, length], i) => [i, { dtype: "U8", shape: [length], data_offsets: [begin, begin + length] }]),
      );
      const json = new TextEncoder().encode(JSON.stringify(header));
      const bytes = new Uint8Array(8 + json.length + size);
      new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
      bytes.set(json, 8);
      const owners = new Array(size).fill(0);
      for (const [begin, length] of spans)
        for (let i = begin; i < begin + length; i++) owners[i] = (owners[i] ?? 0) + 1;
      // An empty tensor in the midst of another overlaps it.
      const inside = spans.some(([at, none]) => none === 0 && spans.some(([b, n]) => b < at && at < b + n));
      const beyond = spans.some(([begin]) => begin > size);
      const tiles = owners.length === size && owners.every((count) => count === 1) && !inside && !beyond;
      assert.is(accepted(() => readSafetensors(bytes, "x")) !== undefined, tiles);
    }),
    { numRuns: 300 },
  );
});

test("JSON of any values is read as the engine reads it, and any other text at most where the engine does", () => {
  const said = (json: string) => JSON.stringify(accepted(() => parseJson(json, "x")));
  fc.assert(fc.property(fc.json({ maxDepth: 5 }), (json) => said(json) === JSON.stringify(JSON.parse(json))));
  const pieces = fc.constantFrom(...'{}[],:"\\ \n019.-+eE'.split(""), "null", "true", "\\u00", '"a"', "é", "\u0001");
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      const value = accepted(() => parseJson(parts.join(""), "x"));
      if (value !== undefined) assert.equal(value, JSON.parse(parts.join("")));
    }),
    { numRuns: 1000 },
  );
});

test("a configuration with any value under any key is what was written, or refused", () => {
  const key = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...Object.keys(configFields)) },
    { weight: 1, arbitrary: name },
  );
  const value = fc.oneof(
    fc.integer({ min: -2, max: 70 }),
    fc.boolean(),
    fc.jsonValue(),
    fc.constantFrom("joint", "float16"),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(key, value), { maxLength: 3 }), (entries) => {
      const json = Object.fromEntries(entries);
      const config: Record<string, unknown> | undefined = accepted(() => ({ ...parseConfig(json, "c.json") }));
      if (config === undefined) return;
      for (const [key, value] of Object.entries(json)) {
        if (Object.hasOwn(mechanismFields, key) && config[key] === undefined) continue; // no mechanism reads it
        assert.equal(config[key], Array.isArray(value) ? value.toSorted((a, b) => Number(a) - Number(b)) : value);
      }
    }),
    { numRuns: 500 },
  );
});

test("a memory comes back whole, and not at all after any change to any byte", () => {
  const change = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(fc.nat(5), change, (length, [place, flip]) => {
      const bytes = encodeMemory(snapshot(length));
      assert.equal(decodeMemory(bytes, "seed"), snapshot(length));
      bytes[place % bytes.length] ^= flip;
      assert.is(
        accepted(() => decodeMemory(bytes, "seed")),
        undefined,
      );
    }),
    { numRuns: 300 },
  );
});

test("metrics that a crash cut anywhere are the lines before the cut", () => {
  const whole = new TextEncoder().encode(metrics.map((line) => `${JSON.stringify(line)}\n`).join(""));
  mkdirSync(`${directory}/run`);
  fc.assert(
    fc.property(fc.nat(whole.length), (length) => {
      writeFileSync(`${directory}/run/metrics.jsonl`, whole.subarray(0, length));
      const complete = whole.subarray(0, length + 1).filter((byte) => byte === 0x0a).length;
      assert.equal(readMetrics(`${directory}/run`), metrics.slice(0, complete));
    }),
  );
});

test("bytes are a document exactly if they are UTF-8 without a zero, and it is they", () => {
  const lead = fc.constantFrom(0x61, 0x80, 0xbf, 0xc2, 0xe0, 0xa0, 0xed, 0x9f, 0xf0, 0x90, 0xf4, 0x8f, 0xef, 0xbb, 0);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 8 }),
    fc.array(lead, { maxLength: 5 }).map((list) => Uint8Array.from(list)),
  );
  fc.assert(
    fc.property(bytes, (bytes) => {
      writeFileSync(`${directory}/document`, bytes);
      const read = accepted(() => readTextFile(`${directory}/document`));
      assert.is(read !== undefined, isUtf8(bytes) && !bytes.includes(0));
      if (read !== undefined) assert.equal(new TextEncoder().encode(read), bytes);
    }),
    { numRuns: 300 },
  );
});

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

test("a tokenizer of any merges gives any text back", () => {
  const choice = fc.tuple(fc.nat(), fc.nat());
  fc.assert(
    fc.property(fc.array(choice, { maxLength: 12 }), text, (choices, text) => {
      const tokens = [...BYTE_SYMBOLS];
      const merges: Merge[] = [];
      for (const [a, b] of choices) {
        const merge: Merge = [tokens[a % tokens.length], tokens[b % tokens.length]];
        if (tokens.includes(merge.join(""))) continue;
        merges.push(merge);
        tokens.push(merge.join(""));
      }
      const tokenizer = tokenizerFromJson(byteLevelJson(tokens, merges), "t");
      assert.is(tokenizer.decode(tokenizer.encode(text)), text);
    }),
    { numRuns: 60 },
  );
});
