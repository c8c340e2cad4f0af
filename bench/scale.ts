/**
 * Prints the tables of docs/scale.md: what training and a memory on many machines cost, from a model of the network (scale-model.ts), and how
 * the model compares with what was measured: `node dist/bench/scale.js`. Measurements are in results/exchange.json (exchange.ts).
 */
import { readFileSync, realpathSync } from "node:fs";
import { argv, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { COMPUTE_RATE, modelProducts, SEARCH_RATE } from "../src/experiments/lab/cost.ts";
import type { ModelConfig } from "../src/model/config.ts";
import { parameterShapes } from "../src/model/parameters.ts";
import { preset } from "../src/model/presets.ts";
import { type ExchangeReport, fastestOf } from "./exchange-report.ts";
import { number, table } from "./report.ts";
import {
  bytesPerStep,
  EVERY_STEP,
  type ExchangeCost,
  everySteps,
  fileSeconds,
  lastThatPays,
  lookupBytes,
  lookupSeconds,
  memoryBytes,
  type Network,
  type Setting,
  type Sharded,
  type Size,
  speedUp,
  stepSeconds,
  TRIPS,
  type Way,
} from "./scale-model.ts";

const MEGABIT = 1e6 / 8;

/** The server's link is as fast as a machine's, or a gigabit. */
const networks: readonly Network[] = [
  network("one room: 0.2 ms, 1 Gbit/s", 0.2, 1000),
  network("a city: 40 ms, 100 Mbit/s", 40, 100),
  network("homes: 80 ms, 20 Mbit/s", 80, 20),
];

function network(name: string, milliseconds: number, megabits: number): Network {
  const rate = megabits * MEGABIT;
  return { name, roundTrip: milliseconds / 1000, rate, serverRate: Math.max(rate, 1000 * MEGABIT) };
}

const sizes: readonly Size[] = [
  sizeOf("tiny", { ...preset("tiny"), vocab_size: 4096 }),
  sizeOf("small", { ...preset("small"), vocab_size: 4096 }),
  sizeOf("base", { ...preset("base"), vocab_size: 16384 }),
  sizeOf("paper", preset("paper")),
];

function sizeOf(name: string, config: ModelConfig): Size {
  const shapes = [...parameterShapes(config).values()];
  const parameters = shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return { name, parameters, products: modelProducts(config) };
}

/** Tokens of a machine in a step: 4 rows of 512. */
const TOKENS = 2048;
const MOST_MACHINES = 1024;
const COUNTS = [2, 4, 8, 16, 64];
/** A machine a hundred times as fast as two cores: one with a graphics card. */
const FAST = 100;

const isCompiled = import.meta.url.includes("/dist/");
const results = new URL(isCompiled ? "../../bench/results/exchange.json" : "results/exchange.json", import.meta.url);
const measured = JSON.parse(readFileSync(results, "utf8")) as ExchangeReport;
const cost = costOf(measured);

/** From the smallest and the largest file that were put and got without a distance; the slower way counts. A file has two blocks at least. */
function costOf({ places }: ExchangeReport): ExchangeCost {
  const [{ roundTrip, rows }] = places;
  const [first, last] = [rows[0], rows.at(-1)!];
  const own = (["put", "get"] as const).map((way) => fastestOf(first[way]) / 2 - TRIPS[way] * roundTrip);
  const slopes = (["put", "get"] as const).map((way) => (fastestOf(last[way]) - fastestOf(first[way])) / last.bytes);
  return { perBlock: Math.max(0, ...own), perByte: Math.max(...slopes) };
}

function setting(network: Network, rate = COMPUTE_RATE): Setting {
  return { network, cost, tokens: TOKENS, rate };
}

function sizeTable(): string {
  const rows = sizes.map((size) => [
    size.name,
    number(size.parameters),
    number((4 * size.parameters) / 1e6),
    number(stepSeconds(size, TOKENS, COMPUTE_RATE)),
    number(stepSeconds(size, TOKENS, FAST * COMPUTE_RATE)),
  ]);
  return table(["preset", "weights", "MB", "s a step, two cores", `s a step, ${FAST} times as fast`], rows, 1);
}

function wayTable(way: Way, rate = COMPUTE_RATE): string {
  const rows = networks.flatMap((network) => {
    return sizes.map((size) => {
      const ups = COUNTS.map((machines) => number(speedUp(size, way, machines, setting(network, rate))));
      const last = lastThatPays(size, way, setting(network, rate), MOST_MACHINES);
      const megabytes = number(bytesPerStep(size, way, 4) / 1e6);
      return [network.name, size.name, megabytes, ...ups, last === MOST_MACHINES ? `≥ ${last}` : `${last}`];
    });
  });
  return table(["", "preset", "MB a step", ...COUNTS.map((count) => `${count}`), "pays up to"], rows, 2);
}

function memoryTable(): string {
  const shape = { heads: 4, width: 64, topk: 32, bytes: 2 };
  const memories: readonly Sharded[] = [2 ** 18, 2 ** 22, 2 ** 26].map((pairs) => ({ ...shape, pairs }));
  const rows = networks.flatMap((network) => {
    return memories.flatMap((memory) => {
      return [4, 16].map((shards) => {
        const { sent, received } = lookupBytes(memory, shards);
        const { alone, sharded } = lookupSeconds(memory, shards, 512, network, SEARCH_RATE);
        const gigabytes = memoryBytes(memory) / 1e9;
        const seconds = [alone, sharded, sharded / alone].map(number);
        return [
          network.name,
          number(memory.pairs),
          number(gigabytes),
          `${shards}`,
          number((sent + received) / 1e3),
          ...seconds,
        ];
      });
    });
  });
  const head = ["", "pairs", "GB", "shards", "kB a token", "s, one process", "s, shards", "ratio"];
  return table(head, rows, 1);
}

/** What was measured, next to what the model says. */
function measurementTable(): string {
  const rows = measured.places.flatMap(({ name, roundTrip, megabits, rows }) => {
    const rate = megabits === null ? Infinity : megabits * MEGABIT;
    const there: Network = { name, roundTrip, rate, serverRate: rate };
    return rows.flatMap(({ bytes, put, get }) => {
      const cells = (["put", "get"] as const).flatMap((way) => {
        const found = fastestOf(way === "put" ? put : get);
        const predicted = fileSeconds(bytes, way, there, cost);
        return [number(1000 * found), number(1000 * predicted), number(predicted / found)];
      });
      return [[name, bytesText(bytes), ...cells]];
    });
  });
  return table(["", "file", "put, ms", "model", "ratio", "got, ms", "model", "ratio"], rows, 2);
}

function bytesText(bytes: number): string {
  return bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes / 2 ** 10} KiB`;
}

/** The tables by what they show, as the document has them. */
export function scaleTables(): ReadonlyMap<string, string> {
  return new Map([
    ["the models", sizeTable()],
    [EVERY_STEP.name, wayTable(EVERY_STEP)],
    ["--sync 100", wayTable(everySteps(100))],
    [`--sync 100, machines ${FAST} times as fast`, wayTable(everySteps(100), FAST * COMPUTE_RATE)],
    ["a memory on several machines", memoryTable()],
    ["the model and the measurement", measurementTable()],
  ]);
}

if (argv[1] !== undefined && realpathSync(argv[1]) === fileURLToPath(import.meta.url)) {
  for (const [title, text] of scaleTables()) stdout.write(`## ${title}\n\n${text}\n\n`);
}
