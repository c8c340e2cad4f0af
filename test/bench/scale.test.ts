/** The model of machines that work together: small examples by head, and docs/scale.md has what the program prints. */
import * as assert from "uvu/assert";
import { scaleTables } from "../../bench/scale.ts";
import {
  bytesPerStep,
  EVERY_STEP,
  everySteps,
  fileSeconds,
  lastThatPays,
  lookupBytes,
  lookupSeconds,
  memoryBytes,
  type Network,
  speedUp,
  stepSeconds,
  transferSeconds,
} from "../../bench/scale-model.ts";
import { MOST_BYTES } from "../../src/cluster/exchange.ts";
import { read } from "../documents.ts";
import { suite } from "../harness.ts";

const test = suite("scale");

const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1e-9, `${actual}`);

/** A block takes a second; there and back takes two. */
const slow: Network = { name: "slow", roundTrip: 2, rate: MOST_BYTES, serverRate: 10 * MOST_BYTES };
const free = { perBlock: 0, perByte: 0 };

test("a block takes its round trips and its bytes; the next follow as the link, the width or the exchange let them", () => {
  near(transferSeconds(MOST_BYTES, 1, slow, free), 3);
  near(transferSeconds(0, 2, slow, free), 4);
  near(transferSeconds(3 * MOST_BYTES, 1, slow, free, 4), 3 + 2);
  near(transferSeconds(3 * MOST_BYTES, 1, slow, free, 1), 9);
  near(transferSeconds(3 * MOST_BYTES, 1, slow, free, 2), 3 + 2 * 1.5);
  near(transferSeconds(3 * MOST_BYTES, 1, slow, { perBlock: 5, perByte: 0 }), 8 + 2 * 5);
  const rate = { ...slow, rate: Infinity, roundTrip: 0 };
  near(fileSeconds(0, "put", rate, { perBlock: 1, perByte: 0 }), 1);
  near(fileSeconds(1, "get", rate, { perBlock: 1, perByte: 0 }), 2);
});

test("machines without messages are as many times as fast as they are many; with too long ones, slower than one", () => {
  const size = { name: "one block", parameters: MOST_BYTES / 4, products: 1 };
  const setting = { network: { ...slow, roundTrip: 0 }, cost: free, tokens: 2, rate: 1 };
  near(stepSeconds(size, 2, 1), 6);
  near(speedUp(size, EVERY_STEP, 1, setting), 1);
  near(speedUp(size, EVERY_STEP, 2, setting), (2 * 6) / (6 + 1 + 1));
  near(speedUp(size, everySteps(100), 2, setting), (2 * 600) / (600 + 1 + 2 + 1 + 1));
  near(speedUp(size, EVERY_STEP, 100, setting), (100 * 6) / (6 + 100 * 99 * 0.1)); // the server sends N · (N − 1) blocks
  const fast = { ...setting, network: { ...slow, rate: Infinity, serverRate: Infinity, roundTrip: 0 } };
  near(speedUp(size, EVERY_STEP, 8, fast), 8);
  assert.is(lastThatPays(size, EVERY_STEP, fast, 64), 64);
  assert.is(lastThatPays(size, EVERY_STEP, setting, 64), 4);
  assert.is(lastThatPays(size, EVERY_STEP, { ...setting, rate: 1e9 }, 64), 1);
  near(bytesPerStep(size, EVERY_STEP, 4), MOST_BYTES * 4);
  near(bytesPerStep(size, everySteps(100), 4), (MOST_BYTES * 13) / 400);
});

test("a lookup's bytes, written out", () => {
  const memory = { pairs: 1000, heads: 2, width: 3, topk: 5, bytes: 2 };
  assert.is(memoryBytes(memory), 2 * 1000 * 2 * 3 * 2);
  assert.equal(lookupBytes(memory, 1), { sent: 2 * (16 + 60), received: 2 * (60 + 12 + 8) });
  const { alone, sharded } = lookupSeconds(memory, 2, 10, { ...slow, rate: 1e3 }, 6000);
  near(alone, 10);
  near(sharded, 5 + 4 + (10 * (2 * (32 + 60) + 2 * 2 * 80)) / 1e3);
});

test("docs/scale.md has the tables that the program prints", () => {
  const text = read("docs/scale.md");
  for (const [title, table] of scaleTables()) assert.ok(text.includes(`\n${table}\n`), title);
});
