/** Snapshots: resized and merged, they keep the newest pairs in order, each with its own source. */
import * as assert from "uvu/assert";
import { KvMemory } from "../../src/memory/memory.ts";
import type { MemoryContents } from "../../src/memory/options.ts";
import {
  type MemorySnapshot,
  mergeSnapshots,
  requireModel,
  requireTokens,
  restoreSnapshot,
  takeSnapshot,
} from "../../src/memory/snapshot.ts";
import { SourceLog } from "../../src/memory/sources.ts";
import { asFloats, asHalves, type StoredNumbers } from "../../src/wasm/half.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("snapshot");

const [heads, width] = [2, 3];
const tokenizer = { byteLength: (id: number) => (id % 5) + 1 };

/** A snapshot of `length` pairs of layers 1 and 4, from documents of 4 tokens. All numbers of a pair identify it. */
function snapshotOf(name: string, first: number, length: number, appended = length): MemorySnapshot {
  const log = new SourceLog(Math.max(1, length), tokenizer);
  for (let n = 0; n < length; n++) {
    if (n % 4 === 0) log.openDocument(`${name} ${n / 4}`);
    log.read(Int32Array.of(first + n));
  }
  const pairs = (shift: number) =>
    Float32Array.from({ length: heads * length * width }, (_, i) => {
      const head = Math.floor(i / (length * width));
      return first + (Math.floor(i / width) % length) + head / 4 + shift;
    });
  const layer = (shift: number) => ({ keys: pairs(shift), values: pairs(shift + 1000) });
  const layers = new Map([1, 4].map((number) => [number, layer(number * 10_000)]));
  return { name, model: "m", heads, width, size: 20, length, appended, layers, sources: log.copyOut(length) };
}

/** Returns the numbers of the pairs, and checks that all layers, heads, keys, values and sources agree on them. */
function numbersIn(snapshot: MemorySnapshot): number[] {
  const { length, layers, sources } = snapshot;
  assert.ok(sources);
  const tokens = [...sources.columns.token];
  for (const [layer, { keys, values }] of layers) {
    for (let head = 0; head < heads; head++) {
      for (let n = 0; n < length; n++) {
        const at = (head * length + n) * width;
        const expected = tokens[n] + head / 4 + layer * 10_000;
        assert.equal([...keys.subarray(at, at + width)], Array(width).fill(expected));
        assert.equal([...values.subarray(at, at + width)], Array(width).fill(expected + 1000));
      }
    }
    assert.is(keys.length, heads * length * width);
  }
  return tokens;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

test("a small example, written out: pairs 100, 101 and 200, 201 merged into 3 are 101, 200, 201", () => {
  assert.equal(numbersIn(mergeSnapshots([snapshotOf("a", 100, 2), snapshotOf("b", 200, 2)], 3)), [101, 200, 201]);
});

for (const size of [1, 2, 8, 9, 10, 11, 30]) {
  test(`resized to ${size}, a memory of 10 pairs keeps the newest`, () => {
    const smaller = mergeSnapshots([snapshotOf("a", 100, 10, 55)], size);
    assert.equal(numbersIn(smaller), range(110 - Math.min(size, 10), 110));
    assert.equal([smaller.size, smaller.length, smaller.appended], [size, Math.min(size, 10), 55]);
  });

  test(`two memories merged into ${size} keep the newest of both, the second after the first`, () => {
    const merged = mergeSnapshots([snapshotOf("a", 100, 5), snapshotOf("b", 200, 6)], size);
    const expected = [...range(100, 105), ...range(200, 206)].slice(-size);
    assert.equal(numbersIn(merged), expected);
    assert.is(merged.length, expected.length);
    const { documents, columns } = merged.sources as NonNullable<typeof merged.sources>;
    const names = expected.map((number) => `${number < 200 ? "a" : "b"} ${Math.floor((number % 100) / 4)}`);
    assert.equal(
      [...columns.document].map((document) => documents[document]),
      names,
    );
    assert.is(documents.length, new Set(names).size, "documents without a remaining pair are dropped");
  });
}

test("merged halves stay halves; merged with floats they become floats", () => {
  const [floats, halves] = [snapshotOf("a", 100, 5), snapshotOf("b", 200, 6)];
  const halved = ({ keys, values }: MemoryContents) => ({ keys: asHalves(keys), values: asHalves(values) });
  const layers = new Map([...halves.layers].map(([layer, pairs]) => [layer, halved(pairs)]));
  const rounded = { ...halves, layers };
  const kept = (snapshot: MemorySnapshot) => snapshot.layers.get(4)?.keys as StoredNumbers;
  const one = kept(mergeSnapshots([rounded, rounded], 9));
  assert.instance(one, Uint16Array);
  const mixed = kept(mergeSnapshots([rounded, floats], 9));
  assert.instance(mixed, Float32Array);
  const last = (numbers: StoredNumbers, n: number) => [...asFloats(numbers).slice(-n * width)];
  assert.equal(last(one, 3), last(kept(rounded), 3));
  assert.equal(last(mixed, 9), [...last(kept(rounded), 4), ...last(kept(floats), 5)]);
});

test("an empty memory merges with any", () => {
  const [empty, other] = [snapshotOf("a", 0, 0), snapshotOf("b", 7, 3)];
  for (const parts of [[empty, other] as const, [other, empty] as const]) {
    assert.equal(numbersIn(mergeSnapshots(parts, 10)), [7, 8, 9]);
  }
  assert.equal(numbersIn(mergeSnapshots([empty, empty], 10)), []);
});

test("a snapshot of one row restores another, with its sources in the same slots", () => {
  const newState = (size: number) => {
    const shape = { rows: 2, heads, width, size, segment: 3 };
    const memories = new Map([1, 4].map((layer) => [layer, new KvMemory(shape)]));
    return { memories, sources: [0, 1].map(() => new SourceLog(size + 3, tokenizer)) };
  };
  for (const size of [10, 7, 20]) {
    const state = newState(size);
    restoreSnapshot(state, 1, snapshotOf("a", 100, 10, 55));
    const taken = takeSnapshot(state, 1, "m");
    assert.equal(numbersIn(taken), range(110 - Math.min(size, 10), 110));
    assert.equal([taken.size, taken.appended, taken.model], [size, 55, "m"]);
    assert.is(state.sources[1].at(54 % (size + 3)).token, 109);
    assert.is(takeSnapshot(state, 0).length, 0);
    for (const memory of state.memories.values()) memory.release();
  }
});

test("a snapshot within a document is refused, because it would miss the last tokens", () => {
  const memories = new Map([[1, new KvMemory({ rows: 1, heads, width, size: 4, segment: 3 })]]);
  const sources = [new SourceLog(7, tokenizer)];
  sources[0].read(Int32Array.of(1));
  assert.throws(() => takeSnapshot({ memories, sources }, 0), /within a document/);
});

test("a snapshot that does not fit is refused by name, with advice", () => {
  const [a, b] = [snapshotOf("a", 0, 3), snapshotOf("b", 0, 3)];
  assert.is(
    refusal(() => requireModel(a, "n")),
    "a was made by the model m, this is the model n; read the documents again with this one",
  );
  requireTokens(a, 3);
  assert.is(
    refusal(() => requireTokens(a, 2)),
    "a remembers the token 2, but the tokenizer has only 0 to 1",
  );
  assert.is(
    refusal(() => mergeSnapshots([a, { ...b, model: "n" }], 9)),
    "a was made by m and b was made by n, so they cannot be merged; read the documents again with one model",
  );
  assert.is(
    refusal(() => mergeSnapshots([a, { ...b, heads: 1, width: 6 }], 9)),
    "b has layers 1,4 with 1 heads of width 6, but a has layers 1,4 with 2 heads of width 3, so they cannot be merged",
  );
  const memories = new Map([[1, new KvMemory({ rows: 1, heads, width, size: 4, segment: 3 })]]);
  assert.is(
    refusal(() => restoreSnapshot({ memories, sources: [] }, 0, a)),
    "a has layers 1,4 with 2 heads of width 3, but layers 1 with 2 heads of width 3 should remember it",
  );
  assert.is(
    refusal(() => takeSnapshot({ memories: new Map(), sources: [] }, 0)),
    "this model has no memory: its memory_size is 0, or it has no memory layers",
  );
});
