/**
 * The fuzzer of public functions: `npm run test:fuzz:api -- --calls 100000 [--seed 7] [--from 0]`. Calls them with wrong arguments until
 * one breaks a promise, and then says how to see the same round again; `--from` is a round.
 */
import { rmSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { attackRound, prepare, ROUND, type Tally } from "./api-attack.ts";
import { newDirectory } from "./attack.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({ options: { calls: text, seed: text, from: text } });
const { calls = "100000", seed = String(Date.now() % 1_000_000), from = "0" } = values;
const rounds = Math.ceil(Number(calls) / ROUND);
const directory = newDirectory();
const tally: Tally = new Map();
const begin = performance.now();
console.log(`${rounds * ROUND} calls from round ${from} on, seed ${seed}`);
await prepare(directory);
try {
  for (let round = Number(from); round < Number(from) + rounds; round++) {
    await attackRound(Number(seed), round, ROUND, directory, tally);
    if ((round + 1) % 100 === 0) console.log(`${(round + 1) * ROUND} calls, ${seconds()} s`);
  }
  console.table(Object.fromEntries([...tally].sort()));
  console.log(`${rounds * ROUND} calls in ${seconds()} s, no promise broken; seed ${seed}`);
} catch (error) {
  console.error(`${(error as Error).message}\nagain: --seed ${seed} --from ROUND --calls ${ROUND}`);
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function seconds(): number {
  return Math.round((performance.now() - begin) / 1000);
}
