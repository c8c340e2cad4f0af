/** What an approximate search misses: the same queries, in memories with the same keys that search in different ways. */
import { heap, KvMemory, noGrad, type SearchOptions, step, tensor } from "memorizing-transformer";
import type { Recall } from "../../engine/figures.ts";
import { queriesOf } from "./layer.ts";
import { breathe, type Subject } from "./subject.ts";

const EFFORTS: readonly number[] = [1, 2, 4, 8, 16, 32];
/** Lists of the inverted search. */
const LISTS = 64;
/** The query whose neighbours are shown one by one, in head 0. */
const SHOWN = 0;

export async function searchFigure(subject: Subject, { topk }: { topk: number }) {
  const { model, ahead, remembered } = subject;
  const ids = ahead.subarray(0, model.config.segment_length);
  const queries = step(() => noGrad(() => queriesOf(subject, ids))); // [T, H, D]
  const neighbours = (options: Partial<SearchOptions>) => slotsFound(subject, queries, topk, options);
  const exact = neighbours({ kind: "exact" });
  const recalls: Recall[] = [];
  const measure = (effort: number, options: Partial<SearchOptions>) => {
    const found = neighbours(options);
    const hits = exact.map((slots, query) => slots.map((slot) => found[query].includes(slot)));
    const all = hits.flat();
    const recall = all.filter(Boolean).length / all.length;
    recalls.push({ search: options.kind!, effort, recall, found: hits[SHOWN] });
  };
  measure(0, { kind: "exact" });
  measure(0, { kind: "quantised" });
  for (const effort of EFFORTS) {
    measure(effort, { kind: "bucketed", bucketsPerNeighbour: effort });
    measure(effort, { kind: "inverted", lists: LISTS, probes: effort });
    await breathe();
  }
  return { keys: remembered.length, queries: exact.length, recalls };
}

/** The slots that a search finds for each query and head. */
function slotsFound(
  { model, remembered }: Subject,
  queries: Float32Array,
  topk: number,
  options: Partial<SearchOptions>,
): number[][] {
  const { heads, width, length, size } = remembered;
  using memory = new KvMemory({ rows: 1, heads, width, size, segment: 0 }, options);
  memory.restore(0, remembered.appended, remembered.layers.get(model.config.memory_layers[0])!);
  const count = queries.length / heads / width;
  return step(() => {
    const { slots } = memory.lookup(tensor(queries, [1, count, heads * width]), Math.min(topk, length));
    const all = heap.i32(slots, count * heads * topk);
    return Array.from({ length: count * heads }, (_, list) => [...all.subarray(list * topk, (list + 1) * topk)]);
  });
}
