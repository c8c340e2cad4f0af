/**
 * Writes the hostile files that are kept in the repository, and the sentences with which they are refused, for people to
 * look at before they are committed: `node dist/test/hostile/make-files.js`. A file's name says what is wrong with it.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jsonText } from "../../src/formats/json-file.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { encodeMemory } from "../../src/memory/memory-file.ts";
import { sentenceOf } from "./attack.ts";
import { foreignConfigFiles, ggufFiles, weightIndexFiles } from "./foreign-files.ts";
import { type Forgery, forgedMemory } from "./forge.ts";
import { type Parts, partsOf, readers } from "./readers.ts";
import { bpe, manySteps, mixedTensors, record, snapshot, weights } from "./seeds.ts";

type Files = Readonly<Record<string, Uint8Array>>;

const utf8 = (text: string) => new TextEncoder().encode(text);
const json = (value: unknown) => utf8(JSON.stringify(value));
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

/** Parts whose text, seen as Latin-1, has been edited. */
function edited(file: Uint8Array, ...replacements: (readonly [from: string | RegExp, to: string])[]): Parts {
  const parts = partsOf(file);
  const text = replacements.reduce(
    (text, [from, to]) => text.replace(from, to),
    Buffer.from(parts.text).toString("latin1"),
  );
  return { ...parts, text: Buffer.from(text, "latin1") };
}

function tensorsFiles(join: (parts: Parts) => Uint8Array): Files {
  const good = writeSafetensors(mixedTensors(), { note: "ü" });
  const change = (...replacements: (readonly [string | RegExp, string])[]) => join(edited(good, ...replacements));
  const claim = (length: bigint) => {
    const file = good.slice();
    new DataView(file.buffer).setBigUint64(0, length, true);
    return file;
  };
  return {
    empty: new Uint8Array(0),
    "seven-bytes": new Uint8Array(7),
    "header-of-2-to-the-63": claim(2n ** 63n),
    "header-one-byte-beyond-the-file": claim(BigInt(good.length - 7)),
    "header-cut-short": claim(40n),
    "header-not-utf8": change(["note", "no\xff\xfe"]),
    "header-a-list": join({ text: utf8("[1,2]"), rest: new Uint8Array(0) }),
    "header-of-ten-thousand-brackets": join({ text: utf8(nested(10_000)), rest: new Uint8Array(0) }),
    "metadata-nested": change(['"ü"', nested(300)], ['"\xc3\xbc"', nested(300)]),
    "data-cut-short": good.slice(0, -3),
    "data-with-a-byte-more": Uint8Array.of(...good, 0),
    "offsets-overlap": change(["[16,40]", "[12,36]"]),
    "offsets-with-a-gap": change(["[16,40]", "[17,41]"]),
    "offsets-backwards": change(["[16,40]", "[40,16]"]),
    "offsets-negative": change(["[0,16]", "[-16,0]"]),
    "offsets-beyond-2-to-the-53": change(["[16,40]", "[16,18446744073709551615]"]),
    "offsets-a-fraction": change(["[16,40]", "[16,40.0]"]),
    "offsets-three": change(["[16,40]", "[16,24,40]"]),
    "shape-too-large": change(["[2,3]", "[2,4]"]),
    "shape-that-overflows-to-a-fit": change(["[2,3]", "[4294967296,4294967296,6]"]),
    "shape-negative": change(["[2,3]", "[-2,-3]"]),
    "shape-a-text": change(["[2,3]", '"2,3"']),
    "dtype-unknown": change(['"F32"', '"F8_E4M3"']),
    "dtype-a-property-of-objects": change(['"F32"', '"__proto__"']),
    "dtype-of-another-size": change(['"F32"', '"I64"']),
    "name-twice": change(['"single"', '"long"']),
    "name-twice-by-an-escape": change(['"single"', '"\\u006cong"']),
    "name-half-a-surrogate-pair": change(['"single"', '"\\ud800"']),
    "field-twice": change(['"dtype":"F32"', '"dtype":"F32","dtype":"F32"']),
    "field-unknown": change(['"dtype":"F32"', '"dtype":"F32","path":"../../etc/passwd"']),
  };
}

function weightsFiles(): Files {
  const changed = (change: (tensors: ReturnType<typeof weights>) => void) => {
    const tensors = weights();
    change(tensors);
    return writeSafetensors(tensors);
  };
  const [first, second] = [...weights().keys()];
  return {
    "a-tensor-missing": changed((tensors) => tensors.delete(second)),
    "a-tensor-too-many": changed((tensors) => tensors.set("extra", tensors.get(first)!)),
    "a-tensor-of-another-shape": changed((tensors) => tensors.set(first, { ...tensors.get(first)!, shape: [15] })),
    "a-tensor-of-integers": changed((tensors) =>
      tensors.set(first, { dtype: "I32", shape: [5, 3], data: new Int32Array(15) }),
    ),
    "a-nan": changed((tensors) => tensors.get(first)!.data.fill(Number.NaN as never, 7, 8)),
    "an-infinity": changed((tensors) => tensors.get(second)!.data.fill(Number.NEGATIVE_INFINITY as never, 1, 2)),
    "an-infinite-half": changed((tensors) =>
      tensors.set(first, { dtype: "F16", shape: [5, 3], data: new Uint16Array(15).fill(0x7c00, 4) }),
    ),
  };
}

function memoryFiles(join: (parts: Parts) => Uint8Array): Files {
  const good = encodeMemory(snapshot(3));
  const change = (...replacements: (readonly [string | RegExp, string])[]) => join(edited(good, ...replacements));
  const forged = (change: Forgery) => forgedMemory(snapshot(3), {}, change);
  return {
    "weights-of-a-model": writeSafetensors(weights()),
    "one-bit-of-a-key-flipped": good.with(good.length - 70, good[good.length - 70] ^ 1),
    "one-digit-of-the-checksum-changed": good.with(40, good[40] ^ 1),
    "version-of-the-future": change(['"version":"1"', '"version":"2"']),
    "version-endless": change(['"version":"1"', `"version":"${"9".repeat(3000)}"`]),
    "model-with-a-line-break": change(['"model":"0123"', '"model":"01\\n3"']),
    "four-billion-heads": change(['\\"heads\\":2', '\\"heads\\":4294967296']),
    "more-pairs-than-remembered": change(['\\"appended\\":8', '\\"appended\\":2']),
    "a-layer-twice": change(["[1,4]", "[1,1]"]),
    "a-layer-that-is-not-there": change(["[1,4]", "[1,4,5]"]),
    "shape-nested": change([/"shape":"\{[^}]*\}"/, `"shape":"${nested(200)}"`]),
    "documents-no-names": change(['[\\"a.txt\\"]', "[1]"]),
    "document-of-no-name": forged((numbersOf) => numbersOf("sources.document").fill(3)),
    "a-text-that-ends-before-it-begins": forged((numbersOf) => numbersOf("sources.begin").fill(9)),
    "a-negative-token": forged((numbersOf) => numbersOf("sources.token").fill(-1)),
  };
}

const configFiles: Files = {
  empty: utf8(""),
  "not-utf8": Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d),
  "a-list": utf8("[]"),
  "a-key-twice": utf8('{"hidden_size": 8, "hidden_size": 9}'),
  "a-key-of-objects": utf8('{"__proto__": {"hidden_size": 8}}'),
  "a-number-too-large": utf8('{"rms_norm_eps": 1e999}'),
  "twenty-thousand-brackets": utf8(`{"hidden_size": ${nested(20_000)}}`),
  "ninety-brackets": utf8(`{"hidden_size": ${nested(90)}}`),
  "a-size-beyond-all-models": utf8('{"hidden_size": 4294967296}'),
  "a-size-below-zero": utf8('{"segment_length": -1}'),
  "a-size-that-is-a-text": utf8('{"hidden_size": "8"}'),
  "a-layer-twice": utf8('{"memory_layers": [1, 1]}'),
  "a-layer-that-is-not-there": utf8('{"num_hidden_layers": 2, "memory_layers": [2]}'),
  "cut-short": utf8('{"hidden_size": 8, "num_hid'),
  "two-values": utf8("{} {}"),
};

const { model } = bpe;
const { a: _, ...vocabWithoutA } = model.vocab;
const size = Object.keys(model.vocab).length;
const withModel = (changes: object) => json({ ...bpe, model: { ...model, ...changes } });
const withAdded = (token: object, changes: object = {}) =>
  json({ ...bpe, added_tokens: [{ id: size, content: "<s>", ...token }], model: { ...model, ...changes } });
const withSplit = (changes: object) => {
  const [digits, split, bytes] = manySteps.pre_tokenizer.pretokenizers;
  return json({
    ...manySteps,
    pre_tokenizer: { type: "Sequence", pretokenizers: [digits, { ...split, ...changes }, bytes] },
  });
};

const tokenizerFiles: Files = {
  "a-byte-missing": withModel({ vocab: vocabWithoutA }),
  "an-id-of-a-billion": withModel({ vocab: { ...model.vocab, th: 1e9 } }),
  "an-id-below-zero": withModel({ vocab: { ...model.vocab, th: -1 } }),
  "an-id-twice": withModel({ vocab: { ...model.vocab, a: 98 } }),
  "a-token-twice": utf8(JSON.stringify(bpe).replace(/"[^"]+":260/, '"a":260')),
  "a-token-not-of-bytes": withModel({ vocab: { ...model.vocab, "\u65e5": size } }),
  "a-merge-of-absent-tokens": withModel({ merges: ["t zz"] }),
  "a-merge-into-an-absent-token": withModel({ merges: ["z z"] }),
  "a-merge-of-nested-lists": withModel({ merges: [[[[["t"]]], "h"]] }),
  "a-merge-without-a-text": withModel({ merges: [[{ toString: 1, valueOf: 1 }, "h"]] }),
  "merges-of-both-forms": withModel({ merges: [model.merges[0], ["h", "e"]] }),
  "an-unknown-token-that-swallows-text": withModel({ fuse_unk: true, unk_token: "a" }),
  "a-suffix-within-words": withModel({ continuing_subword_suffix: "@@" }),
  "an-added-token-that-strips": withAdded({ lstrip: 1 }),
  "an-added-token-that-hides-a-word": withAdded({ content: "\u0120the" }, { ignore_merges: true }),
  "an-added-token-half-a-surrogate-pair": utf8(JSON.stringify(manySteps).replace("<|end|>", "\\ud800")),
  "a-split-that-drops-text": withSplit({ behavior: "removed" }),
  "a-split-that-keeps-only-matches": withSplit({ invert: "yes" }),
  "a-split-by-a-broken-pattern": withSplit({ pattern: { Regex: "(((" } }),
  "a-split-by-an-endless-pattern": withSplit({ pattern: { Regex: "\\p{".repeat(4000) } }),
  "a-normalizer": json({ ...bpe, normalizer: { type: "Lowercase" } }),
};

const withRecord = (changes: object) => json({ ...record, ...changes });

const trainerFiles: Files = {
  "no-object": utf8('"step"'),
  "a-step-below-zero": withRecord({ step: -1 }),
  "a-step-too-large": utf8(JSON.stringify(record).replace('"step":12', '"step":1e999')),
  "a-generator-of-three-words": withRecord({ random: [1, 2, 3] }),
  "a-document-that-is-not-there": withRecord({ batches: { ...record.batches, places: [{ document: 3, offset: 0 }] } }),
  "places-no-list": withRecord({ batches: { ...record.batches, places: { length: 2 } } }),
  "options-of-another-program": withRecord({ options: { epochs: 3 } }),
};

const corpusFiles: Files = {
  "a-zero-byte": Uint8Array.of(0x61, 0, 0x62),
  latin1: Uint8Array.of(0x63, 0x61, 0x66, 0xe9),
  "an-overlong-slash": Uint8Array.of(0x2e, 0x2e, 0xc0, 0xaf),
  "half-a-surrogate-pair": Uint8Array.of(0xed, 0xa0, 0x80),
  "beyond-unicode": Uint8Array.of(0xf4, 0x90, 0x80, 0x80),
  "cut-in-a-character": Uint8Array.of(0xf0, 0x9f, 0x98),
};

const filesOf: Readonly<Record<string, (join: (parts: Parts) => Uint8Array) => Files>> = {
  safetensors: tensorsFiles,
  weights: weightsFiles,
  memory: memoryFiles,
  config: () => configFiles,
  tokenizer: () => tokenizerFiles,
  trainer: () => trainerFiles,
  corpus: () => corpusFiles,
  gguf: () => ggufFiles,
  "foreign-config": () => foreignConfigFiles,
  "weight-index": () => weightIndexFiles,
};

const sentences: Record<string, string> = {};
const directory = mkdtempSync(join(tmpdir(), "hostile-"));
for (const reader of readers) {
  for (const [name, bytes] of Object.entries(filesOf[reader.name]?.(reader.join) ?? {})) {
    const path = `${reader.name}/${name}`;
    mkdirSync(`test/hostile/files/${reader.name}`, { recursive: true });
    writeFileSync(`test/hostile/files/${path}`, bytes);
    writeFileSync(join(directory, "FILE"), bytes);
    const sentence = sentenceOf(reader, join(directory, "FILE")) ?? "is read, which must not be";
    sentences[path] = sentence.replaceAll(join(directory, "FILE"), "FILE");
  }
}
writeFileSync("test/hostile/sentences.json", jsonText(sentences));
rmSync(directory, { recursive: true });
