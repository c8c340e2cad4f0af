/**
 * The staleness of a training memory. Its keys come from the weights of earlier steps and are not recomputed when the weights
 * change (paper, section 3.2). To measure how far the same tokens' keys have moved since, a row's last segments are read again
 * with the present weights into separate memories. Then the keys in both are compared.
 */
import { noGrad, step } from "../autodiff/tape.ts";
import { mechanismOf, pastOf } from "../mechanisms/list.ts";
import type { KvMemory } from "../memory/memory.ts";
import { type ModelConfig, smearsKeys } from "../model/config.ts";
import type { ModelState } from "../model/state.ts";
import type { Transformer } from "../model/transformer.ts";
import { asFloats } from "../wasm/half.ts";

/** The text that a row has read: the first `end` tokens of a document, in complete segments. */
export interface RowReading {
  readonly tokens: Int32Array;
  readonly end: number;
}

/**
 * Returns the mean cosine between remembered keys and the same tokens' keys under the model's present weights, by age. Entry
 * a − 1 is for tokens read a segments ago, over all rows, layers and heads. With several memory layers, the keys of upper ones
 * also depend on the pairs that lower ones retrieved then. So the difference is not only due to the weights.
 * @param readings the text that each row of `state` has read; undefined for a row between documents, which is left out
 */
export function keyCosines(
  model: Transformer,
  state: ModelState,
  readings: readonly (RowReading | undefined)[],
): number[] {
  const sums: number[] = [];
  const counts: number[] = [];
  const today = readAgain(model, state, readings);
  for (const [layer, memory] of state.memories) {
    const memoryToday = today.memories.get(layer) as KvMemory;
    for (const row of readings.keys()) {
      if (readings[row] === undefined) continue;
      const length = memory.length(row);
      const [before, now] = [memory, memoryToday].map((of) => asFloats(of.contents(row).keys)); // [H, length, D]
      for (const [pair, cosine] of cosines(before, now, memory.width).entries()) {
        const age = Math.floor((length - 1 - (pair % length)) / model.config.segment_length);
        sums[age] = (sums[age] ?? 0) + cosine;
        counts[age] = (counts[age] ?? 0) + 1;
      }
    }
  }
  today.release();
  return sums.map((sum, age) => sum / counts[age]);
}

/** The mean over several readings, age by age, of those that reach back so far. */
export function meanByAge(readings: readonly (readonly number[])[]): number[] {
  const [first, ...others] = readings;
  if (others.length === 0) return [...first];
  const longest = Math.max(...readings.map(({ length }) => length));
  return Array.from({ length: longest }, (_, age) => {
    const known = readings.map((cosines) => cosines[age]).filter((cosine) => cosine !== undefined);
    return known.reduce((sum, cosine) => sum + cosine, 0) / known.length;
  });
}

/** Returns a new state whose rows have read, with the present weights, the tokens that `state` remembers. */
function readAgain(model: Transformer, state: ModelState, readings: readonly (RowReading | undefined)[]): ModelState {
  const { segment_length: segment } = model.config;
  const [memory] = state.memories.values();
  const today = model.newState({ rows: state.rows, memorySize: memory?.size ?? 0 });
  const oldest = Math.ceil((memory?.size ?? 0) / segment) + contextSegments(model.config);
  const longest = Math.max(0, ...readings.map((reading) => (reading?.end ?? 0) / segment));
  for (let age = Math.min(oldest, longest); age > 0; age--) {
    const ids = new Int32Array(state.rows * segment);
    const lengths = new Int32Array(state.rows);
    const starts = new Uint8Array(state.rows);
    for (const [row, reading] of readings.entries()) {
      const begin = (reading?.end ?? 0) - age * segment;
      if (begin <= 0) starts[row] = 1;
      if (reading === undefined || begin < 0) continue;
      ids.set(reading.tokens.subarray(begin, begin + segment), row * segment);
      lengths[row] = segment;
    }
    step(() => noGrad(() => void model.hidden({ ids, starts, lengths }, today)));
  }
  return today;
}

/**
 * Returns how many segments before a token affect its keys. Each layer below the memory reaches back by the length of the
 * cache. A smear reaches back by one more token, also in the memory's own layer.
 * What a mechanism carries, or pins, comes from the whole document.
 */
function contextSegments(config: ModelConfig): number {
  const chosen = mechanismOf(config);
  if (chosen?.parts.carries || chosen?.attention?.pinned) return Infinity;
  const top = Math.max(0, ...config.memory_layers);
  const smear = (layer: number) => Number(smearsKeys(config, layer));
  const below = Array.from({ length: top }, (_, layer) => pastOf(config).length + smear(layer)); // tokens
  return below.reduce((sum, reach) => sum + Math.ceil(reach / config.segment_length), smear(top));
}

/** Returns the inner product of each vector of width `width` in `a` with that in `b`; keys have length 1. */
function cosines(a: Float32Array, b: Float32Array, width: number): Float64Array {
  const products = new Float64Array(a.length / width);
  for (let i = 0; i < a.length; i++) products[Math.floor(i / width)] += a[i] * b[i];
  return products;
}
