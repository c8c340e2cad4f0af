/**
 * Where the time of a token goes in a model that others trained: `node dist/bench/token-time.js [--weights int8] [--threads 1]
 * [--rounds 7]`. It prints a table: milliseconds a token by op, for writing, for a prompt of 512, and for a document without
 * memory, with one in the calibrated heads and in all heads. Medians over rounds, in each of which every kind of work takes its turn.
 */
import { availableParallelism } from "node:os";
import { argv, stderr, stdout } from "node:process";
import { noGrad, step, tape } from "../src/autodiff/tape.ts";
import { InputError } from "../src/base/errors.ts";
import type { Decoder } from "../src/families/decoder.ts";
import { loadForeign } from "../src/families/load-foreign.ts";
import { openDecoder } from "../src/families/open-foreign.ts";
import { allMemoryHeads, type ReadingSettings } from "../src/families/reading-settings.ts";
import { type WeightKind, weightKinds } from "../src/families/weight-kinds.ts";
import { build } from "../src/wasm/build.ts";
import { useThreads } from "../src/wasm/parallel.ts";
import { textOf } from "./foreign-model.ts";
import { thisMachine } from "./machine.ts";
import { bringModel } from "./peers/model-file.ts";
import { modelFile } from "./places.ts";
import { number, percent, table } from "./report.ts";
import { runScript, scriptOptions } from "./script.ts";

/** A kind of work: tokens, how many are computed together, and how the state reads. */
interface Reading {
  readonly title: string;
  readonly tokens: number;
  readonly together: number;
  readonly settings: (model: Decoder) => Partial<ReadingSettings>;
  /** Whether logits of the last of the tokens that are computed together are wanted. */
  readonly logits: boolean;
}

const whole = (segment: number) => () => ({ segment, window: 0, sinks: 0, memorySize: 0 });
const readings: readonly Reading[] = [
  { title: "writing", tokens: 64, together: 1, settings: whole(64), logits: true },
  { title: "a prompt of 512", tokens: 512, together: 512, settings: whole(512), logits: false },
  {
    title: "a document, no memory",
    tokens: 2048,
    together: 256,
    settings: () => ({ segment: 256, memorySize: 0 }),
    logits: false,
  },
  {
    title: "calibrated heads",
    tokens: 2048,
    together: 256,
    settings: () => ({ segment: 256, memorySize: 32_768 }),
    logits: false,
  },
  {
    title: "all heads",
    tokens: 2048,
    together: 256,
    settings: ({ architecture }) => ({ segment: 256, memorySize: 32_768, memoryHeads: allMemoryHeads(architecture) }),
    logits: false,
  },
];

/** Milliseconds by op, over all tokens of a work. */
function timesOf(
  model: Decoder,
  { tokens, together, settings, logits }: Reading,
  text: Int32Array,
): Map<string, number> {
  using state = model.newState({ rows: 1, ...settings(model) });
  const times = new Map<string, number>();
  const note = (op: string, ms: number) => times.set(op, (times.get(op) ?? 0) + ms);
  for (let from = 0; from < tokens; from += together) {
    const before = performance.now();
    step(() => {
      const input = { ids: text.subarray(from, from + together) };
      noGrad(() => (logits ? model.forward(input, state) : model.hidden(input, state)));
      let within = 0;
      for (const { op, outputs, forwardMs } of tape()) {
        note(
          labelOf(
            op,
            outputs.map(({ shape }) => shape[shape.length - 1]),
          ),
          forwardMs,
        );
        within += forwardMs;
      }
      note("after the last op", performance.now() - before - within);
    });
  }
  return times;
}

/** Products by the widths of their results; the others by name. */
function labelOf(op: string, widths: readonly number[]): string {
  return /linear/.test(op) ? `product → ${widths.join(", ")}` : op;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

/** The table: ops by their time in the first work that has them. */
function formatted(measured: readonly Map<string, number>[][]): string {
  const medians = measured.map((rounds, w) => {
    const ops = [...new Set(rounds.flatMap((times) => [...times.keys()]))];
    return new Map(ops.map((op) => [op, median(rounds.map((times) => times.get(op) ?? 0)) / readings[w].tokens]));
  });
  const totals = medians.map((times) => [...times.values()].reduce((sum, ms) => sum + ms, 0));
  const most = (op: string) => Math.max(...medians.map((times, w) => (times.get(op) ?? 0) / totals[w]));
  const ops = [...new Set(medians.flatMap((times) => [...times.keys()]))].sort((a, b) => most(b) - most(a));
  const shown = ops.filter((op) => most(op) >= 0.005);
  const cell = (ms: number, w: number) => (ms === 0 ? "" : `${number(ms)} (${percent(ms / totals[w])})`);
  const rows = shown.map((op) => [op, ...medians.map((times, w) => cell(times.get(op) ?? 0, w))]);
  const rest = medians.map((times, w) => cell(totals[w] - shown.reduce((sum, op) => sum + (times.get(op) ?? 0), 0), w));
  const tokensPerSecond = totals.map((ms) => `${number(1000 / ms)} tokens/s`);
  const head = ["ms a token", ...readings.map(({ title }) => title)];
  return table(head, [...rows, ["the rest", ...rest], ["in all", ...tokensPerSecond]], 1);
}

async function main(): Promise<void> {
  const { values } = scriptOptions({
    args: argv.slice(2),
    options: {
      weights: { type: "string", default: "int8" },
      threads: { type: "string", default: "1" },
      rounds: { type: "string", default: "7" },
    },
  });
  const kind = weightKinds.find((each) => each === values.weights);
  if (kind === undefined) throw new InputError(`--weights must be one of ${weightKinds.join(", ")}`);
  if (!bringModel((line) => stderr.write(`${line}\n`)))
    throw new InputError("models/smollm2.sh could not bring the model");
  await useThreads(Math.min(Number(values.threads), availableParallelism()));
  const { model } = openDecoder(loadForeign(modelFile), { weights: kind as WeightKind });
  const text = Int32Array.from(textOf(Math.max(...readings.map(({ tokens }) => tokens)))());
  const measured = readings.map((): Map<string, number>[] => []);
  for (let round = 0; round <= Number(values.rounds); round++) {
    readings.forEach((reading, w) => {
      const times = timesOf(model, reading, text);
      if (round > 0) measured[w].push(times); // the first is for the engine to compile
    });
  }
  stdout.write(
    `${thisMachine().cpu}, ${build} kernels, ${kind}, ${values.threads} threads\n\n${formatted(measured)}\n`,
  );
}

await runScript(main);
