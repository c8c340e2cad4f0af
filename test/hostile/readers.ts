/**
 * The readers under attack. Each reads a file as the program does and, when it accepts one, proves by other means that it
 * read what stands there. How files are spoilt, and what holds of every reader, is told in mutate.ts and attack.ts.
 */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import * as assert from "uvu/assert";
import { digest } from "../../src/base/digest.ts";
import { documentsFromFiles, textOf, tokenizeDocuments } from "../../src/data/corpus.ts";
import { readJson } from "../../src/formats/json-file.ts";
import { readSafetensors, type SafetensorsFile, writeSafetensors } from "../../src/formats/safetensors.ts";
import { TensorReader } from "../../src/formats/tensor-reader.ts";
import { readMemory } from "../../src/memory/disk.ts";
import { encodeMemory } from "../../src/memory/memory-file.ts";
import { mergeSnapshots } from "../../src/memory/snapshot.ts";
import { parseConfig } from "../../src/model/config.ts";
import { parameterShapes } from "../../src/model/parameters.ts";
import { readFile } from "../../src/platform/read-file.ts";
import { byteTokenizer, tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { readMetrics } from "../../src/train/metrics.ts";
import { parseTrainerRecord } from "../../src/train/trainer-record.ts";
import { tinyConfig } from "../tiny.ts";
import { foreignReaders } from "./foreign-readers.ts";
import { bpe, manySteps, metrics, mixedTensors, record, snapshot, weights, weightsConfig } from "./seeds.ts";

/** A file in two parts: text, which is worth changing in other ways than numbers are. */
export interface Parts {
  readonly text: Uint8Array;
  readonly rest: Uint8Array;
}

export interface Reader {
  /** Also the name of its folder of hostile files. */
  readonly name: string;
  readonly fileName: string;
  readonly seeds: readonly Parts[];
  /** The file of changed parts, with lengths and checksums that fit: so the change itself has to be noticed. */
  join(parts: Parts): Uint8Array;
  /** Reads the file at `path` and checks the result. Throws an InputError for a bad file. */
  read(path: string): void;
}

/** Texts that every accepted tokenizer must give back. */
const TEXTS = ["the then 121\n  <|end|>", "é日本😀 x", " ".repeat(9)];

const utf8 = new TextEncoder();
const nothing = new Uint8Array(0);
const textOnly = { join: ({ text }: Parts) => text };
const jsonSeeds = (...values: unknown[]) => values.map((value) => textSeed(JSON.stringify(value)));

function textSeed(text: string): Parts {
  return { text: utf8.encode(text), rest: nothing };
}

function utf16Seed(text: string): Parts {
  return { text: Buffer.from(`\ufeff${text}`, "utf16le"), rest: nothing };
}

/** The bytes themselves, or in UTF-8 if they begin with a mark of UTF-16. */
function withoutUtf16(bytes: Uint8Array): Uint8Array {
  const mark = (bytes[0] << 8) | bytes[1];
  if (mark !== 0xfffe && mark !== 0xfeff) return bytes;
  return utf8.encode(new TextDecoder(mark === 0xfffe ? "utf-16le" : "utf-16be").decode(bytes));
}

/** A safetensors file's header and data. */
export function partsOf(file: Uint8Array): Parts {
  const end = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return { text: file.subarray(8, end), rest: file.subarray(end) };
}

function joinSafetensors({ text, rest }: Parts): Uint8Array {
  const file = new Uint8Array(8 + text.length + rest.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(rest, 8 + text.length);
  return file;
}

/** Where the 16 digits of a memory's checksum stand in a file that begins as all do. */
const CHECKSUM = [37, 53] as const;

export function joinMemory(parts: Parts): Uint8Array {
  const file = joinSafetensors(parts);
  if (file.length < CHECKSUM[1]) return file;
  file.set(utf8.encode(digest([file.subarray(0, CHECKSUM[0]), file.subarray(CHECKSUM[1])])), CHECKSUM[0]);
  return file;
}

export const readers: readonly Reader[] = [
  {
    name: "safetensors",
    fileName: "x.safetensors",
    seeds: [writeSafetensors(mixedTensors(), { note: "ü" }), writeSafetensors(new Map())].map(partsOf),
    join: joinSafetensors,
    read: (path) => checkTensors(readFileSync(path), readSafetensors(readFile(path), path)),
  },
  {
    name: "weights",
    fileName: "model.safetensors",
    seeds: [partsOf(writeSafetensors(weights(), { step: "3" }))],
    join: joinSafetensors,
    read(path) {
      const reader = new TensorReader(readSafetensors(readFile(path), path).tensors, path);
      for (const [name, shape] of parameterShapes(weightsConfig)) {
        assert.ok(reader.floats(name, shape).every(Number.isFinite));
      }
      reader.end();
    },
  },
  {
    name: "memory",
    fileName: "x.memory.safetensors",
    seeds: [0, 3].map((length) => partsOf(encodeMemory(snapshot(length)))),
    join: joinMemory,
    read(path) {
      const read = readMemory(path);
      const { layers, length } = mergeSnapshots([read], 2);
      assert.is(length, Math.min(2, read.length));
      for (const { keys, values } of layers.values())
        assert.is(keys.length + values.length, 2 * length * read.heads * read.width);
    },
  },
  {
    name: "config",
    fileName: "config.json",
    seeds: jsonSeeds(tinyConfig(), {}, { memory_layers: [0, 2], dropout: 0.5, rms_norm_eps: 1e-5 }),
    ...textOnly,
    read(path) {
      const json = checkedJson(path) as Record<string, unknown>;
      const config: Record<string, unknown> = { ...parseConfig(json, path) };
      for (const [key, value] of Object.entries(json)) assert.is(String(config[key]).length, String(value).length);
    },
  },
  {
    name: "tokenizer",
    fileName: "tokenizer.json",
    seeds: jsonSeeds(bpe, manySteps, byteTokenizer().toJSON()),
    ...textOnly,
    read(path) {
      const tokenizer = tokenizerFromJson(checkedJson(path), path);
      for (const text of TEXTS) {
        const ids = tokenizer.encode(text);
        assert.is(tokenizer.decode(ids), text);
        const bytes = Array.from(ids, (id) => [...tokenizer.bytes(id)]).flat();
        assert.is(new TextDecoder().decode(Uint8Array.from(bytes)), text);
      }
    },
  },
  {
    name: "trainer",
    fileName: "trainer.json",
    seeds: jsonSeeds(record),
    ...textOnly,
    read: (path) => void parseTrainerRecord(checkedJson(path), path),
  },
  {
    name: "metrics",
    fileName: "metrics.jsonl",
    seeds: [textSeed(metrics.map((line) => `${JSON.stringify(line)}\n`).join(""))],
    ...textOnly,
    read(path) {
      const lines = readMetrics(dirname(path));
      const written = readFileSync(path, "utf8").split("\n");
      assert.ok(lines.length <= written.length && lines.every(({ step }) => Number.isSafeInteger(step)));
    },
  },
  {
    name: "corpus",
    fileName: "document.txt",
    seeds: [textSeed("naïve 日本 🙂 \ufeff\r\n text"), textSeed(""), utf16Seed("naïve 日本 🙂 \ufeff\r\n")],
    ...textOnly,
    read(path) {
      const documents = documentsFromFiles([path]);
      const expected = withoutUtf16(readFileSync(path));
      assert.is(Buffer.compare(utf8.encode(textOf(documents[0])), expected), 0);
      const [{ tokens }] = tokenizeDocuments(documents, byteTokenizer());
      assert.is(tokens().length, expected.length);
    },
  },
  ...foreignReaders,
];

/** JSON that says the same to this reader as to the engine's. */
function checkedJson(path: string): unknown {
  const json = readJson(path);
  const text = new TextDecoder().decode(readFileSync(path));
  assert.is(JSON.stringify(json), JSON.stringify(JSON.parse(text)));
  return json;
}

/** All tensors that a naive reading of the header finds in the bytes, bit-identical. */
function checkTensors(file: Uint8Array, { tensors }: SafetensorsFile): void {
  const { text, rest } = partsOf(file);
  const { __metadata__: _, ...header } = JSON.parse(new TextDecoder().decode(text));
  assert.is(Object.keys(header).length, tensors.size);
  let total = 0;
  for (const [name, { dtype, shape, data_offsets }] of Object.entries<Record<string, number[]>>(header)) {
    const tensor = tensors.get(name);
    assert.ok(tensor !== undefined && String(tensor.dtype) === String(dtype) && tensor.shape.join() === shape.join());
    const { buffer, byteOffset, byteLength, length } = tensor.data;
    assert.is(
      length,
      shape.reduce((product, extent) => product * extent, 1),
    );
    const expected = rest.subarray(data_offsets[0], data_offsets[1]);
    assert.is(Buffer.compare(new Uint8Array(buffer, byteOffset, byteLength), expected), 0);
    total += byteLength;
  }
  assert.is(total, rest.length);
}
