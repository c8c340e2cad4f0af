/** The lookups of a memory layer as plain numbers, copied from the heap while they exist. */
import type { Retrieval } from "../nn/self-attention.ts";
import { heap } from "../wasm/runtime.ts";

/** The lookup of one query in one head. */
export interface Lookup {
  /** Number of the token in its segment. */
  readonly token: number;
  /** Number of the head in the order of the layer's retrievals. */
  readonly place: number;
  /** The share of the memory in the head's result. */
  readonly gate: number;
  /** The pairs, in the order of the search. */
  readonly pairs: readonly { readonly slot: number; readonly score: number; readonly weight: number }[];
}

/** Yields the lookups of one row. `heads` are the heads of the layer that look pairs up, in the order of its retrievals. */
export function* lookups(
  { neighbours, sharpness, weights, gates }: Retrieval,
  heads: readonly number[],
): Generator<Lookup> {
  const { topk, counts } = neighbours;
  const weightOf = heap.f32(weights.ptr, weights.size); // [T, H, K]
  const scoreOf = heap.f32(neighbours.scores.ptr, weights.size);
  const slotOf = heap.i32(neighbours.slots, weights.size);
  const gateOf = heap.f32(gates.ptr, gates.size); // [T, all heads]
  const headsPerToken = gates.shape[2];
  for (let query = 0; query < weights.size / topk; query++) {
    const token = Math.floor(query / heads.length);
    const place = query % heads.length;
    const pairs = Array.from({ length: counts[0] }, (_, rank) => {
      const at = query * topk + rank;
      return { slot: slotOf[at], score: scoreOf[at] / sharpness[0], weight: weightOf[at] };
    });
    yield { token, place, gate: gateOf[token * headsPerToken + heads[place]], pairs };
  }
}
