/** A short run of the fuzzer of public functions, with a seed of its own each day; and that it knows all of them. */
import { rmSync } from "node:fs";
import * as assert from "uvu/assert";
import { inspect } from "../../src/inspect/inspect.ts";
import * as library from "../../src/node.ts";
import { suite } from "../harness.ts";
import { allCalls, attackRound, type Entry, prepare, ROUND, type Tally } from "./api-attack.ts";
import { EXCLUDED } from "./api-calls-files.ts";
import { World } from "./api-world.ts";
import { newDirectory } from "./attack.ts";

const test = suite("fuzzed functions");
const seed = Math.floor(Date.now() / 86_400_000);
const ROUNDS = 30;
let directory = "";

test.before(async () => {
  directory = newDirectory();
  await prepare(directory);
});
test.after(() => rmSync(directory, { recursive: true }));

test("every public function is called, or there is a reason", async () => {
  const world = new World();
  const inspection = await inspect(world.model, world.tokenizer, world.tokenizer.encode("a text"), {});
  const names = new Set(allCalls(world, inspection, directory).map(({ name }) => name));
  world.release();
  const functions = Object.entries(library).filter(([, value]) => typeof value === "function");
  for (const [name] of functions) assert.ok(names.has(name) !== name in EXCLUDED, name);
});

test(`good arguments are taken, wrong ones refused, and no other object changes: ${ROUNDS * ROUND} calls of seed ${seed}`, async () => {
  const tally: Tally = new Map();
  for (let round = 0; round < ROUNDS; round++) {
    try {
      await attackRound(seed, round, ROUND, directory, tally);
    } catch (error) {
      throw new Error(`--seed ${seed} --from ${round} --rounds 1: ${(error as Error).message}`);
    }
  }
  const sum = (key: keyof Entry) => [...tally.values()].reduce((all, entry) => all + entry[key], 0);
  assert.ok(sum("taken") > 500 && sum("refused") > 500, `${sum("taken")} taken, ${sum("refused")} refused`);
  assert.ok(sum("good ones refused") < 10, `${sum("good ones refused")} calls with good arguments were refused`);
});
