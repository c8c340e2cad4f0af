/**
 * Every public function, given any arguments, throws an error that says in one sentence what is wrong, or returns a right
 * result. It never changes the numbers of another object. Calls come in rounds, each in a world of its own.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { StaleTensorError } from "../../src/autodiff/tensor.ts";
import { InputError } from "../../src/base/errors.ts";
import { type Releasable, ReleasedError } from "../../src/base/lifetime.ts";
import { Random } from "../../src/base/random.ts";
import { show } from "../../src/base/show.ts";
import { type Inspection, inspect } from "../../src/inspect/inspect.ts";
import { writeMemory } from "../../src/memory/disk.ts";
import { saveCheckpoint, saveModel } from "../../src/train/checkpoint.ts";
import { OutOfMemoryError } from "../../src/wasm/heap.ts";
import { writeSmallLlama } from "../train/small-foreign.ts";
import { type Call, memoryCalls, modelCalls, textCalls } from "./api-calls.ts";
import { engineCalls } from "./api-calls-engine.ts";
import { fileCalls } from "./api-calls-files.ts";
import { below, spoilt } from "./api-values.ts";
import { World } from "./api-world.ts";
import { snapshot } from "./seeds.ts";

/** Calls in one world. */
export const ROUND = 100;
const LONGEST_SENTENCE = 1200;
const REFUSALS = [InputError, ReleasedError, StaleTensorError, OutOfMemoryError];

/** Outcomes of the calls of one function. Some are refused because of what earlier calls did to their objects. */
export interface Entry {
  taken: number;
  refused: number;
  "good ones refused": number;
}

/** By name. */
export type Tally = Map<string, Entry>;

/** Files in `directory`, for calls that read files. */
export async function prepare(directory: string): Promise<void> {
  const { model, tokenizer, trainer } = new World();
  mkdirSync(`${directory}/texts`);
  for (const name of ["a.txt", "texts/a.txt"]) writeFileSync(`${directory}/${name}`, "a text");
  writeMemory(`${directory}/m`, snapshot(3));
  saveModel(`${directory}/model`, model, tokenizer);
  saveCheckpoint(`${directory}/run`, trainer, tokenizer);
  writeSmallLlama(`${directory}/foreign`);
}

/** All calls that can be made in a world. */
export function allCalls(world: World, inspection: Inspection, directory: string): Call[] {
  const calls = [...memoryCalls(world), ...modelCalls(world, inspection), ...textCalls(world), ...engineCalls(world)];
  // Files take a hundred times as long as anything else.
  return [...calls, ...calls, ...calls, ...fileCalls(world, directory)];
}

/** Round number `round` of the attacks with `seed`, up to `count` calls of it, the same on every machine. */
export async function attackRound(
  seed: number,
  round: number,
  count: number,
  directory: string,
  tally: Tally,
): Promise<void> {
  const random = new Random(round + seed * 2 ** 32);
  const world = new World();
  const ids = world.tokenizer.encode("a text to look into");
  const inspection = await inspect(world.model, world.tokenizer, ids, { memorySize: 30 });
  const calls = allCalls(world, inspection, directory);
  for (let index = 0; index < count; index++) {
    const call = calls[below(calls.length, random)];
    const good = call.args(random);
    const args = spoilt(good, random, world.handles);
    try {
      const taken = await outcome(call, args, world);
      world.assertUnharmed(handlesIn([call.on, args, good]));
      const entry = tally.get(call.name) ?? { taken: 0, refused: 0, "good ones refused": 0 };
      entry[taken ? "taken" : "refused"]++;
      if (args === good && !taken) entry["good ones refused"]++;
      tally.set(call.name, entry);
    } catch (error) {
      const shown = args.map(show).join(", ");
      throw new Error(`call ${index} of round ${round}: ${call.name}(${shown}): ${(error as Error).stack}`);
    }
  }
  world.release();
}

/** Makes the call. Returns whether it was taken; throws for a broken promise. */
async function outcome(call: Call, args: readonly unknown[], world: World): Promise<boolean> {
  let result: unknown;
  try {
    result = await finished(call.run(...(args as never[])));
  } catch (error) {
    if (!REFUSALS.some((kind) => error instanceof kind)) throw error;
    const { message } = error as Error;
    assert.ok(message.length < LONGEST_SENTENCE && !/[\n\r]/.test(message), `no sentence: ${message}`);
    return false;
  }
  call.verify?.(result, args);
  if (!(result instanceof Object) || world.handles.includes(result)) return true;
  if ("release" in result) (result as Releasable).release();
  return true;
}

/** The result; of a generator that of a few steps. */
async function finished(given: unknown): Promise<unknown> {
  const result = await given;
  if (!(result instanceof Object && "next" in result && "return" in result)) return result;
  const steps = result as AsyncGenerator;
  for (let left = 3; left > 0 && !(await steps.next()).done; left--);
  await steps.return(undefined);
  return undefined;
}

/** All objects in the arguments, at any depth. */
function handlesIn(value: unknown, found = new Set<unknown>()): Set<unknown> {
  if (!(value instanceof Object) || found.has(value)) return found;
  found.add(value);
  if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) handlesIn(item, found);
  }
  return found;
}
