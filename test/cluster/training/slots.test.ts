/** Slots: what is written comes back, what is damaged or claims too much is refused. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { nameOf } from "../../../src/cluster/blocks.ts";
import { MOST_BYTES } from "../../../src/cluster/exchange.ts";
import { openExchange } from "../../../src/cluster/open-exchange.ts";
import { ASIDE, readRecord, replaceRecord } from "../../../src/cluster/records.ts";
import { Slots } from "../../../src/cluster/training/slots.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";

const test = suite("slots");

const folder = folderFor(test, "slots");
const TRAINING = nameOf(new Uint8Array([20]));
let count = 0;

async function world() {
  const place = join(folder, `${count++}`);
  const exchange = await openExchange(place);
  return { place, exchange, slots: new Slots(exchange, TRAINING), others: new Slots(exchange, TRAINING) };
}

const bytesOf = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 255);

test("a small example, written out: a content has a tag, and the next one takes its place", async () => {
  const { slots, others } = await world();
  assert.is(await slots.read("weights", "1", 9), undefined);
  assert.is(await slots.tag("weights"), undefined);
  await slots.write("weights", "1", Uint8Array.of(7, 8));
  assert.equal(await others.read("weights", "1", 9), Uint8Array.of(7, 8));
  assert.is(await others.read("weights", "2", 9), undefined);
  await others.write("weights", "2", Uint8Array.of(9));
  assert.is(await slots.read("weights", "1", 9), undefined);
  await slots.write("weights", "3", new Uint8Array(0));
  assert.equal(await others.read("weights", "3", 0), new Uint8Array(0));
  assert.is(await others.tag("weights"), "3");
});

test("contents of any size come back, and the exchange keeps no older ones", async () => {
  const { place, slots, others } = await world();
  for (const length of [1, MOST_BYTES - 1, MOST_BYTES, MOST_BYTES + 1, 2 * MOST_BYTES + 3]) {
    for (const seed of [1, 2, 3, 4]) await slots.write("state", `${length}-${seed}`, bytesOf(length, seed));
    assert.equal(await others.read("state", `${length}-4`, length), bytesOf(length, 4));
  }
  const files = fs.readdirSync(place, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.ok(files.length <= 2 * 4, `${files.length} files for three pieces and a head, in two states each`);
});

test("waiting ends when the content comes, or when the caller says so", async () => {
  const { slots, others } = await world();
  const waiting = slots.wait("late", "1", 9, async () => {});
  await others.write("late", "1", Uint8Array.of(5));
  assert.equal(await waiting, Uint8Array.of(5));
  const refused = await slots
    .wait("never", "1", 9, async () => {
      throw new Error("enough");
    })
    .catch((error: Error) => error.message);
  assert.is(refused, "enough");
});

test("a content that claims too much, or is damaged, is refused in a sentence", async () => {
  const { exchange, slots } = await world();
  const refusal = (slot: string, most: number) =>
    slots.read(slot, "1", most).then(
      () => "nothing was refused",
      (error: Error) => `${error.name}: ${error.message}`,
    );
  await slots.write("large", "1", bytesOf(20, 1));
  assert.match(
    await refusal("large", 19),
    /^InputError: the slot large of the training .* claims 20 bytes; at most 19/,
  );
  const piece = await exchange.read("slots", `${TRAINING.slice(0, 16)}_large_0`);
  await exchange.write("slots", `${TRAINING.slice(0, 16)}_large_0`, bytesOf(20, 2), piece?.revision ?? 0);
  assert.match(
    await refusal("large", 20),
    /^InputError: the slot large .* is damaged: its pieces have another SHA-256$/,
  );
});

test("a head that this program did not write is set aside, and counts as none", async () => {
  const { exchange, slots, others } = await world();
  const key = `${TRAINING.slice(0, 16)}_odd`;
  await slots.write("odd", "1", Uint8Array.of(1));
  await replaceRecord(exchange, "slots", key, { tag: "1", bytes: 3, pieces: [] });
  assert.is(await others.tag("odd"), undefined);
  assert.is(await others.read("odd", "1", 9), undefined);
  assert.equal([slots.losses, others.losses], [0, 1]);
  assert.match(String((await readRecord(exchange, ASIDE, `slots-${key}`))?.reason), "not one that this program wrote");
  await slots.write("odd", "2", Uint8Array.of(2));
  assert.equal(await others.read("odd", "2", 9), Uint8Array.of(2));
});

test("a content that somebody is still writing is waited for, longer than one that is damaged", async () => {
  const { exchange, slots } = await world();
  await slots.write("part", "1", Uint8Array.of(1, 2));
  let looks = 0;
  const read = async (map: string, key: string) => {
    const entry = await exchange.read(map, key);
    const isPiece = key.endsWith("_0");
    if (!isPiece || entry === undefined || ++looks > 55) return entry; // 50 looks at one content are the most
    return { ...entry, value: Uint8Array.of(looks, 0) };
  };
  const slow = new Slots(Object.create(exchange, { read: { value: read } }), TRAINING);
  assert.equal(await slow.read("part", "1", 9), Uint8Array.of(1, 2));
  assert.is(looks, 56);
});
