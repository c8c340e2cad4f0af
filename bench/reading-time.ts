/**
 * What a memory costs while a long document is read, with SmolLM2-135M-Instruct: `node dist/bench/reading-time.js FILE [--tokens 32768]
 * [--threads 1] [--weights stored]`. Five readers take turns, segment by segment: without memory, with one in the calibrated heads and
 * in all heads, each of them so that the text could be continued, and for the memory alone, as `memorizing read` does it. Prints processor times, which other programs disturb less than the clock's, and bytes a token. The
 * time of a segment grows by a straight line with the pairs that are remembered, so a shorter document foretells a longer one.
 */
import { readFileSync } from "node:fs";
import { argv, cpuUsage, stderr, stdout } from "node:process";
import { noGrad, step } from "../src/autodiff/tape.ts";
import { InputError } from "../src/base/errors.ts";
import type { Decoder } from "../src/families/decoder.ts";
import type { DecoderState } from "../src/families/decoder-state.ts";
import { allMemoryHeads, type ReadingSettings } from "../src/families/reading-settings.ts";
import { type WeightKind, weightKinds } from "../src/families/weight-kinds.ts";
import { documentIds } from "../src/nn/language-model.ts";
import { build } from "../src/wasm/build.ts";
import { useThreads } from "../src/wasm/parallel.ts";
import { openBenchModel } from "./foreign-model.ts";
import { lineThrough } from "./line.ts";
import { thisMachine } from "./machine.ts";
import { bringModel } from "./peers/model-file.ts";
import { number, table } from "./report.ts";
import { runScript, scriptOptions } from "./script.ts";

const SEGMENT = 256;
/** M, and the length that a shorter document foretells. */
const LENGTH = 32_768;
/** The first length whose times are printed. */
const FIRST = 2048;

/** A way to read, and the processor seconds of each segment so far. */
interface ReaderTimes {
  readonly title: string;
  readonly state: DecoderState;
  readonly seconds: number[];
  /** Whether only the memory is wanted. */
  readonly forMemoryAlone: boolean;
}

function processorSeconds(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1e6;
}

function readersOf(model: Decoder): ReaderTimes[] {
  const reader = (title: string, settings: Partial<ReadingSettings>, forMemoryAlone = false): ReaderTimes => {
    const state = model.newState({ rows: 1, segment: SEGMENT, memoryDtype: "float16", ...settings });
    return { title, state, seconds: [], forMemoryAlone };
  };
  const calibrated = { memorySize: LENGTH };
  const all = { memorySize: LENGTH, memoryHeads: allMemoryHeads(model.architecture) };
  return [
    reader("no memory", { memorySize: 0 }),
    reader("memory in the calibrated heads", calibrated),
    reader("... for the memory alone", calibrated, true),
    reader("memory in all heads", all),
    reader("... for the memory alone", all, true),
  ];
}

/** Reads the document in all readers, a segment each in turn, and prints where they are at every doubling and at the end. */
function read(model: Decoder, readers: readonly ReaderTimes[], ids: Int32Array): void {
  let next = FIRST;
  for (let from = 0; from < ids.length; from += SEGMENT) {
    const to = Math.min(from + SEGMENT, ids.length);
    const input = { ids: ids.subarray(from, to), starts: [from === 0 ? 1 : 0] };
    for (const { state, seconds, forMemoryAlone } of readers) {
      const before = processorSeconds();
      step(() => noGrad(() => (forMemoryAlone ? model.memorize(input, state) : model.hidden(input, state))));
      seconds.push(processorSeconds() - before);
    }
    if (to < ids.length && to < next) continue;
    stdout.write(`\n${formatted(readers, to)}\n`);
    next *= 2;
  }
}

/** Seconds for the whole of LENGTH tokens, by the line through the times of segments. The first two warm up. */
function foretold(seconds: readonly number[]): number {
  const [atZero, slope] = lineThrough(seconds.map((time, i): [number, number] => [i, time]).slice(2));
  const segments = LENGTH / SEGMENT;
  return segments * (atZero + (slope * (segments - 1)) / 2);
}

function pairBytes({ state }: ReaderTimes): number {
  return [...state.memories.values()].reduce((sum, { heads, width }) => sum + heads * width * 2 * 2, 0);
}

function formatted(readers: readonly ReaderTimes[], tokens: number): string {
  const sum = (seconds: readonly number[]) => seconds.reduce((total, each) => total + each, 0);
  const [none] = readers;
  const rows = readers.map((reader) => {
    const [all, whole] = [sum(reader.seconds), foretold(reader.seconds)];
    const heap = [...reader.state.memories.values()].reduce(
      (total, { bytes, capacity }) => total + bytes / capacity,
      0,
    );
    return [
      reader.title,
      number((1000 * all) / tokens),
      `${number(all / sum(none.seconds))}×`,
      `${number(whole / foretold(none.seconds))}×`,
      number(pairBytes(reader)),
      number(heap),
    ];
  });
  const head = [
    "",
    `ms a token, ${tokens} tokens`,
    "of no memory",
    `by the line at ${LENGTH}`,
    "bytes a token",
    "with index",
  ];
  return table(head, rows, 1);
}

async function main(): Promise<void> {
  const { values, positionals } = scriptOptions({
    args: argv.slice(2),
    options: {
      tokens: { type: "string", default: String(LENGTH) },
      threads: { type: "string", default: "1" },
      weights: { type: "string", default: "stored" },
    },
    allowPositionals: true,
  });
  const kind = weightKinds.find((each) => each === values.weights);
  if (kind === undefined) throw new InputError(`--weights must be one of ${weightKinds.join(", ")}`);
  if (positionals.length !== 1) throw new InputError("give one file, the document");
  if (!bringModel((line) => stderr.write(`${line}\n`)))
    throw new InputError("models/smollm2.sh could not bring the model");
  await useThreads(Number(values.threads));
  const { model, tokenizer } = openBenchModel({ weights: kind as WeightKind });
  const ids = documentIds(model, tokenizer, readFileSync(positionals[0], "utf8")).subarray(0, Number(values.tokens));
  const readers = readersOf(model);
  stdout.write(`${thisMachine().cpu}, ${build} kernels, ${kind}, ${values.threads} threads\n`);
  read(model, readers, ids);
}

await runScript(main);
