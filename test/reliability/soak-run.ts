/**
 * Long work of a very small model, with readings of what it takes: a training with everything that a training does besides
 * steps, and a generation. What takes more and more is found here. Used by `npm run test:soak` and, shortly, by the suite.
 */
import process from "node:process";
import { generate } from "../../src/model/generate.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { runTraining } from "../../src/train/run.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

/** Bytes that the process takes when `done` of the work is done. */
export interface Reading {
  readonly done: number;
  /** The WebAssembly memory, and what of it is allocated. */
  readonly wasm: number;
  readonly allocated: number;
  /** Objects, with the garbage only if the collector cannot be called. */
  readonly objects: number;
  /** The system's count for the process. */
  readonly resident: number;
}

const READINGS = 10;

function read(done: number): Reading {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  return { done, wasm: heap.memory.buffer.byteLength, allocated: heap.bytesInUse, objects: heapUsed, resident: rss };
}

/** Trains for `steps` steps in `directory`; saves, evaluates and measures staleness a hundred times at most. */
export async function soakTraining(steps: number, directory: string): Promise<Reading[]> {
  const documents = randomDocuments([140, 23, 9, 61, 300]);
  const every = Math.max(20, Math.floor(steps / 100));
  const often = { evaluateEvery: every, checkpointEvery: every, stalenessEvery: every };
  const model = new Transformer(tinyConfig({ xl_cache_length: 5, dropout: 0.1, memory_layers: [0, 1] }), 1);
  const trainer = new Trainer(model, documents, { steps, batchSize: 2, gradientAccumulation: 2, ...often });
  const readings: Reading[] = [];
  await runTraining(trainer, {
    tokenizer: byteTokenizer(),
    directory,
    evaluation: { documents, memorySizes: [0, 17] },
    onStep: ({ step }) => {
      if (step % Math.floor(steps / READINGS) === 0) readings.push(read(step));
    },
  });
  trainer.release();
  model.parameters.release();
  return readings;
}

/** Writes `tokens` tokens, with a memory of inverted lists that turns over again and again, and notes their sources. */
export async function soakGeneration(tokens: number): Promise<Reading[]> {
  const tokenizer = byteTokenizer();
  const model = new Transformer(tinyConfig({ memory_search: "inverted", memory_lists: 8, memory_size: 500 }), 1);
  const state = model.newState({ rows: 1, tokenizer });
  const readings: Reading[] = [];
  let written = 0;
  for await (const _ of generate(model, tokenizer, state, new Int32Array(), { tokens })) {
    if (++written % Math.floor(tokens / READINGS) === 0) readings.push(read(written));
  }
  state.release();
  model.parameters.release();
  return readings;
}

/** By how much a reading grew from the third to the last; the first ones belong to the warming up. */
export function growth(readings: readonly Reading[], of: keyof Reading): number {
  return readings[readings.length - 1][of] - readings[2][of];
}
