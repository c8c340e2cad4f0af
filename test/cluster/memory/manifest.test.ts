/** The manifest of a served memory: numbers that never change, however many append and forget at once; and cutting memories into segments. */
import { join } from "node:path";
import * as assert from "uvu/assert";
import { nameOf } from "../../../src/cluster/blocks.ts";
import { DirectoryExchange } from "../../../src/cluster/directory-exchange.ts";
import { appendSegments, forgetOldest, readManifest, servedModels } from "../../../src/cluster/memory/manifest.ts";
import { ASIDE, readRecord, replaceRecord } from "../../../src/cluster/records.ts";
import { rejoinSources, segmentsOf } from "../../../src/memory/served/cut.ts";
import { mergeSnapshots } from "../../../src/memory/snapshot.ts";
import { requireSnapshot } from "../../../src/memory/snapshot-check.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { loses } from "../loses.ts";
import { snapshotOf } from "./fleet.ts";

const test = suite("manifest of a served memory");
const folder = folderFor(test, "memory-manifest");

const SHAPE = { heads: 2, width: 5, layers: [1] };
const named = (text: string) => nameOf(new TextEncoder().encode(text));
const segment = (text: string, pairs: number) => ({ name: named(text), pairs, file: `${text}.safetensors` });

async function messageOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "nothing was refused",
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

test("two files and a forgotten segment, by head: numbers go on", async () => {
  const exchange = new DirectoryExchange(join(folder, "head"));
  assert.is(await readManifest(exchange, "m"), undefined);
  await appendSegments(exchange, "m", SHAPE, named("one"), [segment("a", 4), segment("b", 3)]);
  assert.is(await forgetOldest(exchange, "m", 1), 3);
  await appendSegments(exchange, "m", SHAPE, named("two"), [segment("c", 2)]);
  const { segments, nextNumber, nextPair } = (await readManifest(exchange, "m"))!;
  const numbers = segments.map(({ file, number, first, pairs }) => [file, number, first, pairs]);
  assert.equal(numbers, [
    ["b.safetensors", 1, 4, 3],
    ["c.safetensors", 2, 7, 2],
  ]);
  assert.equal([nextNumber, nextPair], [3, 9]);
  assert.equal(await servedModels(exchange), ["m"]);
});

test("a file is appended once, even if its segments are forgotten", async () => {
  const exchange = new DirectoryExchange(join(folder, "once"));
  for (let time = 0; time < 2; time++) await appendSegments(exchange, "m", SHAPE, named("one"), [segment("a", 4)]);
  assert.is((await readManifest(exchange, "m"))?.nextNumber, 1);
  assert.is(await forgetOldest(exchange, "m", 7), 0, "more than there are");
  await appendSegments(exchange, "m", SHAPE, named("one"), [segment("a", 4)]);
  const manifest = await readManifest(exchange, "m");
  assert.equal([manifest?.segments, manifest?.nextPair], [[], 4]);
});

test("twelve that append at once all get numbers of their own", async () => {
  const exchanges = Array.from({ length: 12 }, () => new DirectoryExchange(join(folder, "many")));
  const append = (exchange: DirectoryExchange, i: number) =>
    appendSegments(exchange, "m", SHAPE, named(`file ${i}`), [segment(`${i}`, i + 1)]);
  await Promise.all(exchanges.map(append));
  const { segments, nextPair } = (await readManifest(exchanges[0], "m"))!;
  assert.is(new Set(segments.map(({ name }) => name)).size, 12);
  assert.is(nextPair, 78);
  let first = 0;
  for (const [i, each] of segments.entries()) {
    assert.equal([each.number, each.first], [i, first]);
    first += each.pairs;
  }
});

test("forgetting drops one segment if the answer to its write is lost, and two that forget at once drop two", async () => {
  const exchange = new DirectoryExchange(join(folder, "lost"));
  const all = ["a", "b", "c", "d"].map((text) => segment(text, 1));
  await appendSegments(exchange, "m", SHAPE, named("one"), all);
  assert.is(await forgetOldest(loses(exchange, 1).exchange, "m", 1), 3);
  assert.is((await readManifest(exchange, "m"))?.nextPair, 4);
  assert.is((await readManifest(exchange, "m"))?.segments.length, 3);
  await Promise.all([1, 1].map((count) => forgetOldest(exchange, "m", count)));
  assert.is((await readManifest(exchange, "m"))?.segments.length, 1);
  assert.is(await forgetOldest(loses(exchange, 1).exchange, "m", 1), 0, "the last one, and once");
  assert.match(
    await messageOf(forgetOldest(exchange, "m", 1)),
    `the memory at ${exchange.name} has no pairs to forget`,
  );
});

test("what does not fit is refused in a sentence, and changes nothing", async () => {
  const exchange = new DirectoryExchange(join(folder, "refused"));
  assert.match(
    await messageOf(forgetOldest(exchange, "m", 1)),
    `InputError: ${exchange.name} has no memory of the model m`,
  );
  await appendSegments(exchange, "m", SHAPE, named("one"), [segment("a", 4)]);
  const other = appendSegments(exchange, "m", { ...SHAPE, width: 6 }, named("two"), [segment("b", 1)]);
  assert.match(await messageOf(other), "b.safetensors has layers 1 with 2 heads of width 6, but the memory at");
  const huge = appendSegments(exchange, "m", SHAPE, named("three"), [segment("c", 2 ** 31)]);
  assert.match(await messageOf(huge), "may have 2147483648 pairs at most");
  assert.is((await readManifest(exchange, "m"))?.nextPair, 4);
});

test("a record that this program did not write is set aside, and counts as none", async () => {
  const exchange = new DirectoryExchange(join(folder, "strange"));
  await appendSegments(exchange, "m", SHAPE, named("one"), [segment("a", 4)]);
  const good = await readRecord(exchange, "memories", "m");
  const bad = [
    { heads: 0 },
    { width: 1.5 },
    { layers: 1 },
    { files: ["x"] },
    { firstNumber: -1 },
    { firstPair: "0" },
    { segments: [{ ...segment("a", 0) }] },
    { segments: [{ ...segment("a", 1), name: "../a" }] },
  ];
  for (const change of bad) {
    await replaceRecord(exchange, "memories", "m", { ...good, ...change });
    assert.equal(await servedModels(exchange), [], JSON.stringify(change));
    assert.is(await readManifest(exchange, "m"), undefined, JSON.stringify(change));
    assert.match(String((await readRecord(exchange, ASIDE, "memories-m"))?.reason), "not one that this program wrote");
    await replaceRecord(exchange, ASIDE, "memories-m");
  }
  await appendSegments(exchange, "m", SHAPE, named("one"), [segment("a", 4)]);
  assert.is((await readManifest(exchange, "m"))?.nextPair, 4, "the same command serves it again");
});

test("segments put together again are the memory that they were cut from", () => {
  const [heads, width, pairs] = [2, 3, 7];
  const numbers = (from: number) => Float32Array.from({ length: heads * pairs * width }, (_, i) => from + i);
  const column = (...given: number[]) => Int32Array.from(given);
  const columns = {
    document: column(0, 0, 0, 1, 1, 2, 2),
    index: column(0, 1, 2, 0, 1, 0, 1),
    token: column(1, 2, 3, 4, 5, 6, 7),
    begin: column(0, 1, 2, 0, 1, 0, 1),
    end: column(1, 2, 3, 1, 2, 1, 2),
  };
  const sources = { documents: ["a", "b", "b"], columns }; // two documents of the same name stay two
  const contents = { keys: numbers(0), values: numbers(100) };
  const snapshot = snapshotOf(heads, width, [contents, contents], sources);
  for (const most of [1, 3, 7, 8]) {
    const segments = [...segmentsOf(snapshot, most)];
    for (const each of segments) requireSnapshot(each);
    assert.equal(
      segments.map(({ length }) => length),
      Array.from({ length: Math.ceil(7 / most) }, (_, i) => Math.min(most, 7 - i * most)),
    );
    const rejoined = segments.map((each) => each.sources!).reduce(rejoinSources);
    assert.equal(rejoined, sources, `sources of segments of ${most}`);
    const [first, ...others] = segments;
    const { layers, sources: joined } = mergeSnapshots([first, ...others], 7);
    assert.equal(layers, snapshot.layers, `segments of ${most}`);
    assert.equal(joined?.columns.token, columns.token);
    assert.equal(Array.from(joined!.columns.document, (n) => joined!.documents[n]).join(""), "aaabbbb");
  }
  assert.equal([...segmentsOf(snapshotOf(1, 1, [{ keys: new Float32Array(), values: new Float32Array() }]), 4)], []);
});
