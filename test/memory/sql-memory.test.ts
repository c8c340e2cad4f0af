/** Memories in PostgreSQL with pgvector, in the PostgreSQL that runs inside this process. */
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { decodeMemory, encodeMemory } from "../../src/memory/memory-file.ts";
import type { MemorySnapshot } from "../../src/memory/snapshot.ts";
import { SqlMemory } from "../../src/memory/sql-memory.ts";
import { asFloats, asHalves } from "../../src/wasm/half.ts";
import { suite } from "../harness.ts";
import { normals, unitVectors } from "../memories.ts";

const test = suite("memories in SQL");
let database: PGlite;
test.before(async () => {
  database = await PGlite.create({ extensions: { vector } });
});
test.after(() => database.close());

/** Layers of `pairs` pairs of halves, with sources in two documents. */
function snapshotOf(
  model: string,
  pairs: number,
  layers: readonly number[] = [1],
  width = 3,
  heads = 2,
): MemorySnapshot {
  const random = new Random(pairs);
  const contents = () => ({
    keys: asHalves(unitVectors(heads * pairs, width, random)),
    values: asHalves(normals(heads * pairs * width, random)),
  });
  const column = (of: (n: number) => number) => Int32Array.from({ length: pairs }, (_, n) => of(n));
  const split = Math.ceil(pairs / 2);
  const place = (n: number) => (n < split ? n : n - split);
  const columns = {
    document: column((n) => Number(n >= split)),
    index: column(place),
    token: column((n) => 7 * n),
    begin: column(place),
    end: column((n) => place(n) + 1),
  };
  const documents = pairs === 0 ? [] : pairs === 1 ? ["a"] : ["a", "b"];
  const sizes = { heads, width, size: Math.max(1, pairs), length: pairs, appended: pairs };
  const byLayer = new Map(layers.map((layer) => [layer, contents()]));
  return { name: "a test", model, ...sizes, layers: byLayer, sources: { documents, columns } };
}

async function messageOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "nothing was refused",
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

test("two pairs by head: what is read, and what is found", async () => {
  const memory = await SqlMemory.open(database, "head");
  const pairs = { keys: Float32Array.of(1, 0, 0, 1), values: Float32Array.of(5, 6, 7, 8) };
  const sizes = { heads: 1, width: 2, size: 2, length: 2, appended: 2 };
  await memory.append({ name: "two", model: "head", ...sizes, layers: new Map([[0, pairs]]), sources: undefined });
  const { rows } = await database.query(
    "SELECT pair, key::text, value::text FROM memorizing_pairs WHERE model = 'head'",
  );
  assert.equal(rows, [
    { pair: 0, key: "[1,0]", value: "[5,6]" },
    { pair: 1, key: "[0,1]", value: "[7,8]" },
  ]);
  assert.equal(await memory.best(0, 0, Float32Array.of(0.25, 0.5), 9), [
    { pair: 1, score: 0.5 },
    { pair: 0, score: 0.25 },
  ]);
  assert.equal((await memory.snapshot()).sources, undefined);
});

for (const pairs of [0, 1, 5, 1025]) {
  test(`a memory of ${pairs} pairs returns to the bit, and a file can keep it`, async () => {
    const given = snapshotOf(`size${pairs}`, pairs, [1, 4]);
    const memory = await SqlMemory.open(database, `size${pairs}`);
    await memory.append(given);
    const found = await memory.snapshot();
    assert.is(await memory.length(), pairs);
    assert.equal({ ...found, name: given.name }, given);
    assert.equal(decodeMemory(encodeMemory(found), "a file").layers, given.layers);
  });
}

test("the best pairs are those of sorting all, older ones first, and forgotten ones are not among them", async () => {
  const given = snapshotOf("best", 40);
  const memory = await SqlMemory.open(database, "best");
  await memory.append(given);
  await memory.forget(3);
  const keys = asFloats(given.layers.get(1)!.keys).subarray(40 * 3); // head 1
  const query = unitVectors(1, 3, new Random(1));
  const scored = Array.from({ length: 40 }, (_, pair) => ({
    pair,
    score: query.reduce((sum, x, d) => sum + x * keys[pair * 3 + d], 0),
  }));
  const wanted = scored.slice(3).sort((a, b) => b.score - a.score);
  const found = await memory.best(1, 1, query, 7);
  assert.equal(
    found.map(({ pair }) => pair),
    wanted.slice(0, 7).map(({ pair }) => pair),
  );
  for (const [i, { score }] of found.entries()) assert.ok(Math.abs(score - wanted[i].score) < 1e-6);
  assert.is(await memory.length(), 37);
  await memory.forget(99);
  assert.equal([await memory.length(), await memory.best(1, 1, query, 7)], [0, []]);
});

test("appending twice is one memory, and what a killed program left is replaced", async () => {
  const memory = await SqlMemory.open(database, "twice");
  const [first, second] = [snapshotOf("twice", 4), snapshotOf("twice", 3)];
  await memory.append(first);
  await database.query(
    "INSERT INTO memorizing_pairs SELECT model, layer, head, pair + 4, value, key FROM memorizing_pairs WHERE model = 'twice'",
  );
  assert.is(await memory.length(), 4);
  await memory.append(second);
  const { length, layers, sources } = await memory.snapshot();
  assert.is(length, 7);
  const head = (snapshot: MemorySnapshot, n: number) =>
    [...snapshot.layers.get(1)!.keys].slice(n * snapshot.length * 3, (n + 1) * snapshot.length * 3);
  assert.equal(
    [...layers.get(1)!.keys],
    [0, 1].flatMap((n) => [...head(first, n), ...head(second, n)]),
  );
  assert.equal(sources?.documents, ["a", "b", "a", "b"]);
});

test("pairs whose documents lost their beginning keep their own documents, and a wrong count changes nothing", async () => {
  const memory = await SqlMemory.open(database, "cut");
  for (const [name, from] of [
    ["first.txt", 4],
    ["second.txt", 9],
    ["second.txt", 2],
  ] as const) {
    const { sources, ...others } = snapshotOf("cut", 3);
    const index = Int32Array.from({ length: 3 }, (_, n) => from + n);
    const columns = { ...sources!.columns, document: new Int32Array(3), index };
    await memory.append({ ...others, sources: { documents: [name], columns } });
  }
  const { sources } = await memory.snapshot();
  assert.equal(sources?.documents, ["first.txt", "second.txt", "second.txt"]);
  assert.equal([...sources!.columns.document], [0, 0, 0, 1, 1, 1, 2, 2, 2]);
  assert.match(await messageOf(memory.forget(-3)), "InputError: count: got -3; it must be a whole number");
  assert.is(await memory.length(), 9);
});

test("of two that append at once only one succeeds, and nothing that was there goes", async () => {
  const name = "twoatonce";
  const other = await SqlMemory.open(database, name);
  await other.append(snapshotOf(name, 5));
  const head = async () => [...(await other.snapshot()).layers.get(1)!.keys].slice(0, 15); // five pairs of the first head
  const before = await head();
  const outcomes: string[] = [];
  for (let place = 0; outcomes.at(-1) !== "alone"; place++) {
    let [statement, isBeaten] = [Number.NEGATIVE_INFINITY, false];
    /** Lets the other one append before one of its statements. */
    const query = async (text: string, values?: unknown[]) => {
      if (statement++ === place) await other.append(snapshotOf(name, 2)).then(() => (isBeaten = true));
      return database.query(text, values);
    };
    const first = await SqlMemory.open({ query }, name);
    statement = 0;
    const length = await other.length();
    const message = await messageOf(first.append(snapshotOf(name, 3)));
    const isRefused = message.includes("somebody else appends to the memory of twoatonce at the same time");
    outcomes.push(isRefused ? "refused" : isBeaten ? "both" : "alone");
    const added = (isRefused ? 0 : 3) + (isBeaten ? 2 : 0);
    assert.is((await other.length()) - length, added, `before statement ${place}: ${message}`);
    assert.equal(await head(), before);
  }
  const claimed = outcomes.indexOf("refused");
  assert.ok(claimed > 0 && outcomes.slice(claimed, -1).every((one) => one === "refused"), outcomes.join(" "));
});

test("what does not fit is refused, and nothing changes", async () => {
  const memory = await SqlMemory.open(database, "refused");
  assert.match(await messageOf(memory.snapshot()), "InputError: the database has no memory of the model refused");
  await memory.append(snapshotOf("refused", 2));
  assert.match(await messageOf(memory.append(snapshotOf("other", 2))), "was made by other, not by refused");
  assert.match(await messageOf(memory.append(snapshotOf("refused", 2, [2]))), "has other layers");
  const chosen = { ...snapshotOf("refused", 2, [1], 3, 1), heads: 2, chosen: new Map([[1, [0]]]) };
  assert.match(await messageOf(memory.append(chosen)), "remembers in some heads only");
  assert.match(await messageOf(memory.best(1, 0, Float32Array.of(1, 0), 1)), "query: it has 2 numbers; it must have 3");
  assert.is(await memory.length(), 2);
  await database.query("DELETE FROM memorizing_pairs WHERE model = 'refused' AND pair = 1 AND head = 1");
  assert.match(await messageOf(memory.snapshot()), "the database lacks pairs of layer 1, head 1, behind number 0");
});
