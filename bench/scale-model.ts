/**
 * A model of machines that work together: how long their messages take, and what is left of the speed of N machines. Plain arithmetic:
 * latency, bandwidth, the exchange's own time for a block, arithmetic per token, bytes of weights, bytes of a question to a memory and of its
 * answer. docs/scale.md has its tables (scale.ts), and compares it with what was measured.
 */
import { AHEAD } from "../src/cluster/ahead.ts";
import { MOST_BYTES } from "../src/cluster/exchange.ts";

/** How machines reach the server. All of them have the same link; the server's own carries the sum. */
export interface Network {
  readonly name: string;
  /** Seconds there and back. */
  readonly roundTrip: number;
  /** Bytes per second of a machine's link, in each direction, and of the server's. */
  readonly rate: number;
  readonly serverRate: number;
}

/** What the exchange itself costs, measured without a distance (exchange.ts). */
export interface ExchangeCost {
  /** Seconds of processors for a block of any size, and for each byte: digests, copies, the server's disk. */
  readonly perBlock: number;
  readonly perByte: number;
}

/** Round trips by which a block is put (asked for, then sent), got, and by which a piece of a state is replaced. */
export const TRIPS = { put: 2, get: 1, replace: 1 } as const;

/**
 * Seconds until `bytes` are sent in blocks of at most 512 KiB, `width` of them on their way at once. The first takes its round trips; the
 * others follow as fast as the link, the exchange or the round trips let them.
 */
export function transferSeconds(
  bytes: number,
  trips: number,
  { roundTrip, rate }: Network,
  { perBlock, perByte }: ExchangeCost,
  width = AHEAD,
): number {
  const blocks = Math.max(1, Math.ceil(bytes / MOST_BYTES));
  const size = bytes / blocks;
  const own = perBlock + size * perByte;
  const whole = trips * roundTrip + own + size / rate;
  return whole + (blocks - 1) * Math.max(own, size / rate, whole / width);
}

/** A file is its blocks, and a manifest that names them, which is asked for first or sent last. */
export function fileSeconds(bytes: number, way: "put" | "get", network: Network, cost: ExchangeCost): number {
  const blocks = Math.ceil(bytes / MOST_BYTES);
  const manifest = transferSeconds(67 * blocks + 24, TRIPS[way], network, cost);
  return manifest + (blocks === 0 ? 0 : transferSeconds(bytes, TRIPS[way], network, cost));
}

/** A model to be trained. */
export interface Size {
  readonly name: string;
  /** P, numbers in the weights. */
  readonly parameters: number;
  /** Multiply-adds for a token in a forward pass. */
  readonly products: number;
}

/** A way to train together, and what it sends between two common states. */
export interface Way {
  readonly name: string;
  /** Steps from one common state to the next. */
  readonly steps: number;
  /** Bytes that must pass one link after the other, if the weights have so many and there are N machines. */
  readonly stages: (weights: number, machines: number) => readonly number[];
  /** Bytes that the server receives, and sends. */
  readonly server: (weights: number, machines: number) => readonly [received: number, sent: number];
}

/** Every worker sends the sum of its rows' gradients and reads those of all others; each then takes the same step. */
export const EVERY_STEP: Way = {
  name: "--sync step",
  steps: 1,
  stages: (weights, machines) => [weights, (machines - 1) * weights],
  server: (weights, machines) => [machines * weights, machines * (machines - 1) * weights],
};

/** Every worker sends its weights after H steps; one of them reads all, and sends the weights with which all go on (DiLoCo). */
export function everySteps(steps: number): Way {
  return {
    name: `--sync ${steps}`,
    steps,
    stages: (weights, machines) => [weights, machines * weights, weights, weights],
    server: (weights, machines) => [(machines + 1) * weights, 2 * machines * weights],
  };
}

const FLOAT = 4;

/** Seconds that one machine computes in a step of `tokens` tokens; forward and backward are three times forward. */
export function stepSeconds({ products }: Size, tokens: number, rate: number): number {
  return (3 * products * tokens) / rate;
}

/** Seconds that N workers spend on messages between two common states. */
export function messageSeconds(size: Size, way: Way, machines: number, network: Network, cost: ExchangeCost): number {
  if (machines === 1) return 0;
  const weights = FLOAT * size.parameters;
  const links = way.stages(weights, machines).map((bytes) => transferSeconds(bytes, TRIPS.replace, network, cost, 1));
  const server = Math.max(...way.server(weights, machines)) / network.serverRate;
  return Math.max(
    links.reduce((sum, seconds) => sum + seconds, 0),
    server,
  );
}

/** Bytes that a machine of N sends and receives for a step, on average. */
export function bytesPerStep(size: Size, way: Way, machines: number): number {
  const [received, sent] = way.server(FLOAT * size.parameters, machines);
  return (received + sent) / machines / way.steps;
}

/** How many times as fast as one machine N are that compute as many tokens each. */
export function speedUp(size: Size, way: Way, machines: number, { network, cost, tokens, rate }: Setting): number {
  const compute = way.steps * stepSeconds(size, tokens, rate);
  return (machines * compute) / (compute + messageSeconds(size, way, machines, network, cost));
}

export interface Setting {
  readonly network: Network;
  readonly cost: ExchangeCost;
  /** Tokens that a machine reads in a step. */
  readonly tokens: number;
  /** Multiply-adds per second of a machine. */
  readonly rate: number;
}

/** The largest number of machines up to `most`, a power of two, of which each still gives half of what it can alone. */
export function lastThatPays(size: Size, way: Way, setting: Setting, most: number): number {
  let last = 1;
  for (let machines = 2; machines <= most; machines *= 2) {
    if (2 * speedUp(size, way, machines, setting) >= machines) last = machines;
  }
  return last;
}

/** A memory whose pairs lie on several machines. */
export interface Sharded {
  /** Pairs in all, in each head of each layer. */
  readonly pairs: number;
  readonly heads: number;
  readonly width: number;
  readonly topk: number;
  /** Bytes of a number in a pair: 4, or 2. */
  readonly bytes: number;
}

/** Bytes of a layer's memory. */
export function memoryBytes({ pairs, heads, width, bytes }: Sharded): number {
  return 2 * pairs * heads * width * bytes;
}

/**
 * Bytes for a token's lookup in a layer, to and from all shards. First each shard gets the query and answers with its K best scores and
 * numbers; then each is told which of the K best overall are its own, and answers with their sum and weighted values.
 */
export function lookupBytes(
  { heads, width, topk }: Sharded,
  shards: number,
): { readonly sent: number; readonly received: number } {
  const sent = shards * (FLOAT * width + FLOAT) + 12 * topk;
  const received = shards * (12 * topk + FLOAT * width + 8);
  return { sent: heads * sent, received: heads * received };
}

/** Seconds for the lookups of a segment of `tokens` tokens in a layer, and for the same search in one process. */
export function lookupSeconds(memory: Sharded, shards: number, tokens: number, network: Network, searchRate: number) {
  const { sent, received } = lookupBytes(memory, shards);
  const alone = (tokens * memory.pairs * memory.heads * memory.width) / searchRate;
  const onTheWay = 2 * network.roundTrip + (tokens * (sent + received)) / network.rate;
  return { alone, sharded: alone / shards + onTheWay };
}
