/**
 * Recall of a search at work: the share of the K best keys that it found, over the very lookups of an evaluation. Two models
 * with the same weights read side by side, one with the search in question and one with the exact search. Below the first
 * memory layer they are the same, so there the same queries meet the same keys; deeper memory layers are not compared.
 */
import { noGrad, step } from "../autodiff/tape.ts";
import { breathe } from "../breathe.ts";
import type { TokenizedDocument } from "../data/corpus.ts";
import { ModelState } from "../model/state.ts";
import type { Transformer } from "../model/transformer.ts";
import type { Retrieval } from "../nn/self-attention.ts";
import { heap } from "../wasm/runtime.ts";
import type { Measurements, TrainedCell } from "./experiment.ts";

/** Slots that were found for every query and head [T·H, K], as many of the K as there were. */
interface Found {
  readonly slots: Int32Array;
  readonly topk: number;
  readonly count: number;
}

export async function recall({ model, corpus, evalTokens }: TrainedCell): Promise<Measurements> {
  const sums = { found: 0, wanted: 0 };
  for (const document of corpus.test) {
    await compareSearches(model, document, evalTokens, sums);
  }
  return { numbers: { recall: sums.wanted === 0 ? 1 : sums.found / sums.wanted } };
}

/** Adds the pairs that were to be found in one document, and those that were. */
async function compareSearches(
  model: Transformer,
  document: TokenizedDocument,
  evalTokens: number,
  sums: { found: number; wanted: number },
): Promise<void> {
  const ids = document.tokens().subarray(0, evalTokens);
  const approximate = new ModelState(model.config, { rows: 1 });
  const exact = new ModelState({ ...model.config, memory_search: "exact" }, { rows: 1 });
  try {
    for (let at = 0; at < ids.length; at += model.config.segment_length) {
      const segment = ids.subarray(at, at + model.config.segment_length);
      const [ours, best] = [read(model, segment, approximate), read(model, segment, exact)];
      if (ours === undefined || best === undefined || best.count < best.topk) continue;
      sums.wanted += best.slots.length;
      sums.found += shared(ours, best);
      await breathe();
    }
  } finally {
    approximate.release();
    exact.release();
  }
}

/** Reads a segment; what its first memory layer found, undefined if the memory was empty. */
function read(model: Transformer, ids: Int32Array, state: ModelState): Found | undefined {
  let found: Found | undefined;
  const observe = (_layer: number, { neighbours }: Retrieval) => {
    const { slots, scores, topk, counts } = neighbours;
    found ??= { slots: heap.i32(slots, scores.size).slice(), topk, count: counts[0] };
  };
  step(() => noGrad(() => void model.hidden({ ids, observe }, state)));
  return found;
}

/** How many of the best slots are among ours, query by query. */
function shared(ours: Found, { slots, topk }: Found): number {
  let count = 0;
  for (let at = 0; at < slots.length; at += topk) {
    const mine = new Set(ours.slots.subarray(at, at + topk));
    for (const slot of slots.subarray(at, at + topk)) if (mine.has(slot)) count++;
  }
  return count;
}
