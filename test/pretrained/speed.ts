/**
 * How fast SmolLM2 reads a segment and writes 64 tokens with weights in several forms: `node dist/test/pretrained/speed.js FILE [rounds
 * [kind …]]`. The forms take turns, since a machine is never idle; medians are printed, with their ratio to the first form. Asserts nothing.
 */
import process from "node:process";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import type { Decoder } from "../../src/families/decoder.ts";
import { type WeightKind, weightKinds } from "../../src/families/weight-kinds.ts";
import { build } from "../../src/wasm/build.ts";
import { openSmolLM2 } from "./smollm2.ts";

const READ = 256;
const WRITTEN = 64;

/** Seconds to read a segment, and to write after it, token by token. */
function seconds(model: Decoder): [reading: number, writing: number] {
  using state = model.newState({ rows: 1, segment: READ, window: 512, memorySize: 0 });
  const forward = (ids: Int32Array) => step(() => noGrad(() => model.forward({ ids }, state)));
  const times = [performance.now()];
  forward(Int32Array.from({ length: READ }, (_, i) => (i * i * 37) % 40_000));
  times.push(performance.now());
  for (let i = 0; i < WRITTEN; i++) forward(Int32Array.of(i * 11));
  times.push(performance.now());
  return [(times[1] - times[0]) / 1000, (times[2] - times[1]) / 1000];
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

const [path, rounds = "5", ...given] = process.argv.slice(2);
if (path === undefined) throw new Error("give the GGUF file of SmolLM2");
const kinds = weightKinds.filter((kind) => (given.length > 0 ? given : ["float32", "stored"]).includes(kind)).reverse();
const models = new Map(kinds.map((kind) => [kind, openSmolLM2(path, kind)]));
const times = new Map(kinds.map((kind): [WeightKind, [number, number][]] => [kind, []]));
for (let round = 0; round < Number(rounds); round++) {
  for (const [kind, model] of models) times.get(kind)?.push(seconds(model));
}
let first: [number, number] | undefined;
for (const [kind, all] of times) {
  const [reading, writing] = [median(all.map(([read]) => read)), median(all.map(([, write]) => write))];
  first ??= [reading, writing];
  const rates = `reads ${(READ / reading).toFixed(1)} tokens a second, writes ${(WRITTEN / writing).toFixed(1)}`;
  const ratios = `${(first[0] / reading).toFixed(2)} and ${(first[1] / writing).toFixed(2)} times the speed of ${kinds[0]}`;
  console.log(`${build} ${kind}: ${rates}; ${ratios}`);
}
