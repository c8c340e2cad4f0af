/**
 * The observer behind inspect.ts: records what the memory layers retrieve while a document is read. It turns the reused slots
 * of a ring into places in the document.
 */
import type { SourceTable } from "../memory/source-table.ts";
import type { SourceLog } from "../memory/sources.ts";
import type { ModelState } from "../model/state.ts";
import type { Transformer } from "../model/transformer.ts";
import type { SegmentInput } from "../nn/segment.ts";
import type { Retrieval } from "../nn/self-attention.ts";
import { heap } from "../wasm/runtime.ts";
import { RetrievedPairs } from "./retrieved-pairs.ts";

/** A head that has a memory. */
export interface MemoryHead {
  /** Number of the layer, from 0. */
  readonly layer: number;
  /** Number of the head, from 0. */
  readonly head: number;
}

/** Records the numbers that `Inspection` describes. */
export class RetrievalWatch {
  readonly heads: readonly MemoryHead[];
  readonly gates: Float32Array; // [n, heads]
  readonly retrieved: RetrievedPairs;
  readonly received: Float64Array; // [earlier + n]
  readonly earlier: SourceTable;
  private readonly log: SourceLog;
  private readonly headsPerLayer: number;
  /** Pairs that a head remembered before the document, and all pairs ever appended before it. */
  private readonly remembered: number;
  private readonly before: number;

  /** `state` has one row with sources and will read a document of n tokens next. See `RetrievedPairs` for `top`. */
  constructor({ config }: Transformer, { memories, sources }: ModelState, n: number, top: number) {
    const [memory] = memories.values();
    this.log = sources[0];
    this.headsPerLayer = config.num_attention_heads;
    this.heads = [...memories.keys()].flatMap((layer) =>
      Array.from({ length: this.headsPerLayer }, (_, head) => ({ layer, head })),
    );
    this.remembered = memory.length(0);
    this.before = memory.appended(0);
    this.earlier = this.log.copyOut(this.remembered);
    this.gates = new Float32Array(n * this.heads.length);
    this.retrieved = new RetrievedPairs(n, top);
    this.received = new Float64Array(this.remembered + n);
  }

  /** Returns the observer of a forward pass whose first input is token `begin`. */
  segmentFrom(begin: number): SegmentInput["observe"] {
    return (layer, retrieval) => this.note(begin + 1, layer, retrieval);
  }

  private note(firstPredicted: number, layer: number, { neighbours, weights, gates }: Retrieval): void {
    const { topk, counts } = neighbours;
    const views = {
      weights: heap.f32(weights.ptr, weights.size), // [T, H, K]
      scores: heap.f32(neighbours.scores.ptr, weights.size),
      slots: heap.i32(neighbours.slots, weights.size),
      gates: heap.f32(gates.ptr, gates.size), // [T, H]
    };
    const firstHead = this.heads.findIndex((head) => head.layer === layer);
    for (const [query, gate] of views.gates.entries()) {
      const predicted = firstPredicted + Math.floor(query / this.headsPerLayer);
      const head = firstHead + (query % this.headsPerLayer);
      this.gates[predicted * this.heads.length + head] = gate;
      for (let at = query * topk; at < query * topk + counts[0]; at++) {
        const [token, weight] = [this.tokenIn(views.slots[at]), views.weights[at]];
        this.received[this.remembered + token] += weight;
        this.retrieved.add(predicted, { head, token, score: views.scores[at], weight, share: weight * gate });
      }
    }
  }

  /** The token whose pair is in `slot`, counted from the beginning of the document; below 0 if it was read earlier. */
  private tokenIn(slot: number): number {
    return this.log.serial(slot) - this.before;
  }
}
