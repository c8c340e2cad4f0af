/**
 * `npm run test:served`: lookups in a memory that several processes serve over NATS on this machine, next to one process with all pairs. Prints how long they
 * take, and how long if no values come with the scores, so that every lookup has two rounds; and exits 1 unless pairs and scores are the same to the
 * bit and attention is within 1e-6. `--pairs N --shards N --heads N --repeats N`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { scriptOptions } from "../../bench/script.ts";
import { retrievedAttention } from "../../src/autodiff/ops/retrieved.ts";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { writeMemory } from "../../src/memory/disk.ts";
import { KvMemory } from "../../src/memory/memory.ts";
import { openServedMemory } from "../../src/memory/served/open-served.ts";
import type { ServedMemory } from "../../src/memory/served/served-memory.ts";
import type { MemorySearch } from "../../src/memory/served/served-pairs.ts";
import { type MemorySnapshot, mergeSnapshots } from "../../src/memory/snapshot.ts";
import { asHalves } from "../../src/wasm/half.ts";
import { useThreads } from "../../src/wasm/parallel.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { NatsServer, noServer } from "../cluster/nats-server.ts";
import { Running } from "../cluster/processes.ts";

const MODEL = "measured";
const WIDTH = 64;
const TOPK = 32;
/** Queries of a lookup: a token that is written, and a segment that is read. */
const QUERIES = [1, 256];

const options = { pairs: "262144", shards: "4", heads: "2", repeats: "15" };
const { values } = scriptOptions({
  options: Object.fromEntries(
    Object.entries(options).map(([name, given]) => [name, { type: "string", default: given }]),
  ),
});
const [pairs, shards, heads, repeats] = ["pairs", "shards", "heads", "repeats"].map((name) => Number(values[name]));
const random = new Random(20);

/** Vectors of length 1, [count, D]. */
function directions(count: number): Float32Array {
  const vectors = Float32Array.from({ length: count * WIDTH }, () => random.next() - 0.5);
  for (let at = 0; at < vectors.length; at += WIDTH) {
    const vector = vectors.subarray(at, at + WIDTH);
    const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
    for (let d = 0; d < WIDTH; d++) vector[d] /= length;
  }
  return vectors;
}

function part(): MemorySnapshot {
  const length = pairs / shards;
  const keys = asHalves(directions(heads * length));
  const layers = new Map([[0, { keys, values: keys.toReversed() }]]);
  return {
    name: "a part",
    model: MODEL,
    heads,
    width: WIDTH,
    size: length,
    length,
    appended: length,
    layers,
    sources: undefined,
  };
}

interface Found {
  readonly pairs: readonly number[];
  readonly scores: Float32Array;
  readonly out: Float32Array;
  readonly milliseconds: number;
}

function lookUp(search: MemorySearch, queries: Float32Array, numberOf: (slot: number) => number): Found {
  return step(() =>
    noGrad(() => {
      const q = tensor(queries, [1, queries.length / heads / WIDTH, heads * WIDTH]);
      const scale = tensor(new Array(heads).fill(12));
      const began = performance.now();
      const neighbours = search.lookup(q, TOPK);
      const { out } = retrievedAttention(q, scale, neighbours);
      const milliseconds = performance.now() - began;
      const slots = heap.i32(neighbours.slots, neighbours.scores.size);
      return {
        pairs: Array.from(slots, numberOf),
        scores: neighbours.scores.toArray(),
        out: out.toArray(),
        milliseconds,
      };
    }),
  );
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

interface Readers {
  readonly served: ServedMemory;
  /** The same memory, whose values never come with the scores. */
  readonly inTwoRounds: ServedMemory;
}

/** Looks up in all, again and again; returns whether they found the same. */
function compare(one: KvMemory, own: KvMemory, { served, inTwoRounds }: Readers): boolean {
  let isSame = true;
  for (const count of QUERIES) {
    const times: { readonly alone: number; readonly together: number; readonly twoRounds: number }[] = [];
    let worst = 0;
    for (let repeat = 0; repeat < repeats; repeat++) {
      const queries = directions(count * heads);
      const alone = lookUp(one, queries, (slot) => one.serial(0, slot));
      const together = lookUp(served.besides(own, 0), queries, (slot) => served.end + slot);
      const slower = lookUp(inTwoRounds.besides(own, 0), queries, (slot) => served.end + slot);
      const arePairs = alone.pairs.every((pair, i) => pair === together.pairs[i]);
      isSame &&= arePairs && alone.scores.every((score, i) => score === together.scores[i]);
      worst = alone.out.reduce((most, number, i) => Math.max(most, Math.abs(number - together.out[i])), worst);
      times.push({
        alone: alone.milliseconds,
        together: together.milliseconds,
        twoRounds: slower.milliseconds,
      });
    }
    const of = (key: "alone" | "together" | "twoRounds") => median(times.map((time) => time[key]));
    const [alone, together] = [of("alone"), of("together")];
    const line = `${count} queries: one process ${alone.toFixed(1)} ms, ${shards} shards ${together.toFixed(1)} ms`;
    console.log(
      `${line}, ${(together / alone).toFixed(2)} times, in two rounds ${(of("twoRounds") / alone).toFixed(2)}; attention differs by ${worst.toExponential(1)} at most`,
    );
    isSame &&= worst <= 1e-6;
  }
  return isSame;
}

if (noServer !== undefined) throw new Error(noServer);
const folder = mkdtempSync(join(tmpdir(), "served-"));
const server = await NatsServer.start(folder);
try {
  const parts = Array.from({ length: shards }, part);
  for (const [i, each] of parts.entries()) {
    const file = join(folder, `${i}.memory.safetensors`);
    writeMemory(file, each);
    // One after the other, so that the parts are in their order.
    await new Running("memory", "serve", file, "--cluster", server.url, "--threads", "1").says("until Ctrl-C");
  }
  const reading = { model: MODEL, patience: 120_000, bestEffort: false };
  const { served, close } = await openServedMemory(server.url, reading);
  const { served: inTwoRounds, close: closeOther } = await openServedMemory(server.url, { ...reading, carried: 0 });
  const [first, ...others] = parts;
  const one = new KvMemory(
    { rows: 1, heads, width: WIDTH, size: pairs, segment: 1 },
    { kind: "quantised", dtype: "float16" },
  );
  const { layers } = mergeSnapshots([first, ...others], pairs);
  one.restore(0, pairs, layers.get(0)!);
  const own = new KvMemory({ rows: 1, heads, width: WIDTH, size: 1, segment: 1 });
  await useThreads();
  console.log(
    `${served.length} pairs, ${heads} heads of ${WIDTH}, float16, ${TOPK} neighbours; ${cpus().length} cores, load ${loadavg()[0].toFixed(1)}`,
  );
  const isSame = compare(one, own, { served, inTwoRounds });
  console.log(isSame ? "the same pairs, and scores to the bit" : "NOT the same");
  process.exitCode = isSame ? 0 : 1;
  await close();
  await closeOther();
} finally {
  await Running.endAll();
  await server.kill();
  rmSync(folder, { recursive: true, maxRetries: 50 });
}
await useThreads(1);
