/**
 * What a layer knows of tokens that left its window: sinks, and in layers with a memory the pairs that it retrieves. They share one
 * softmax with the window: each is attended to alone, and the results are mixed by their logsumexps.
 */

import { type Attended, constantScale } from "../autodiff/ops/attention.ts";
import { joinAttention } from "../autodiff/ops/blend.ts";
import { add, repeat } from "../autodiff/ops/elementwise.ts";
import { type Neighbours, retrievedAttention } from "../autodiff/ops/retrieved.ts";
import { arena, stepIntegers, type Tensor } from "../autodiff/tensor.ts";
import { allOrNothing, type Releasable } from "../base/lifetime.ts";
import type { StoredTensor } from "../formats/safetensors.ts";
import type { TensorReader } from "../formats/tensor-reader.ts";
import { DistanceMemory } from "../memory/distance-memory.ts";
import { KvMemory } from "../memory/memory.ts";
import { loadMemoryRow, saveMemoryRow } from "../memory/saved-rows.ts";
import type { Retrieval } from "../nn/self-attention.ts";
import type { Address } from "../wasm/heap.ts";
import { kernels } from "../wasm/runtime.ts";
import type { Architecture } from "./architecture.ts";
import { KeyHeads } from "./key-heads.ts";
import type { ReadingSettings } from "./reading-settings.ts";

/** The queries of a layer, [B, T, H·D], as they meet pairs of the window, of the far memory, and sinks. */
export interface TurnedQueries {
  /** Each turned by its own position; without rotation, the query. */
  readonly here: Tensor;
  /** Turned by R. */
  readonly reach: () => Tensor;
  /** Turned by the distance of sinks. */
  readonly sink: () => Tensor;
}

/** What a lookup depends on besides the queries. */
export interface Distance {
  /** How many of a row's newest gone pairs are nearby, [B]. */
  readonly nearby: Int32Array;
  /** How many of its newest pairs each row may look up, [B]; default: all. */
  readonly reach?: ArrayLike<number>;
  /** Offset of the memory's logits, [H]. */
  readonly offset: Tensor;
  /** Is shown what was retrieved. */
  readonly observe?: (retrieval: Retrieval) => void;
}

/** Addresses of gone pairs of one row, [count, KV, D] floats. */
export interface GonePairs {
  readonly keys: Address;
  readonly turned: Address;
  readonly values: Address;
  readonly count: number;
}

/** Sinks and memory of one layer. */
export class DistantPairs implements Releasable {
  /** The memory, if there is one. */
  readonly memory: KvMemory | undefined;
  private readonly byDistance: DistanceMemory | undefined;
  private readonly sinks: KvMemory | undefined;
  private readonly sinkHeads: KeyHeads;
  private readonly memoryHeads: KeyHeads;
  private readonly rows: number;
  private readonly remembering: readonly number[];
  private readonly architecture: Architecture;
  private readonly settings: ReadingSettings;

  /** `remembering`: the kv heads that have a memory. */
  constructor(architecture: Architecture, settings: ReadingSettings, rows: number, remembering: readonly number[]) {
    const { heads, keyHeads, headWidth: width, positions } = architecture;
    const { sinks, memorySize, reach, memoryDtype: dtype } = settings;
    const keyHeadsOf = (chosen: readonly number[]) => new KeyHeads(heads, keyHeads, width, chosen);
    this.architecture = architecture;
    this.settings = settings;
    this.rows = rows;
    this.remembering = remembering;
    this.sinkHeads = keyHeadsOf(Array.from({ length: keyHeads }, (_, head) => head));
    this.memoryHeads = keyHeadsOf(remembering);
    const remembers = memorySize > 0 && remembering.length > 0;
    const shape = { rows, heads: remembering.length, width, size: memorySize, segment: 0 };
    [this.sinks, this.byDistance, this.memory] = allOrNothing((own) => {
      const kept = sinks > 0 ? own(new KvMemory({ rows, heads: keyHeads, width, size: sinks, segment: 0 })) : undefined;
      if (!remembers) return [kept, undefined, undefined];
      if (positions.kind === "learned" || reach === 0)
        return [kept, undefined, own(new KvMemory(shape, { dtype, kind: "quantised" }))];
      const byDistance = own(new DistanceMemory(shape, dtype, reach));
      return [kept, byDistance, byDistance.pairs];
    });
  }

  /** The softmax over `local` and what is distant. Returns `local` where nothing is. */
  join(local: Attended, queries: TurnedQueries, distance: Distance): Attended {
    const withSinks = this.joinSinks(local, queries);
    return this.joinMemory(withSinks, queries, distance);
  }

  private joinSinks(local: Attended, { sink }: TurnedQueries): Attended {
    const { sinks, sinkHeads } = this;
    if (sinks === undefined || this.isEmpty(sinks)) return local;
    const q = sinkHeads.gather(sink());
    const retrieved = this.attend(sinkHeads, q, sinks.lookup(q, this.settings.sinks));
    return joinAttention(local, retrieved);
  }

  private joinMemory(local: Attended, queries: TurnedQueries, distance: Distance): Attended {
    const { memory, memoryHeads } = this;
    if (memory === undefined || this.isEmpty(memory)) return local;
    const [far, neighbours] = this.lookup(memory, queries, distance);
    const { lse, ...retrieved } = this.attend(memoryHeads, far, neighbours);
    const shifted = add(lse, repeat(distance.offset, lse.shape.slice(0, 2)));
    const joined = joinAttention(local, { ...retrieved, lse: shifted });
    const sharpness = new Array<number>(far.shape[0]).fill(1);
    distance.observe?.({ queries: far, sharpness, neighbours, weights: retrieved.weights, gates: joined.gates });
    return joined;
  }

  private lookup(memory: KvMemory, { here, reach }: TurnedQueries, distance: Distance): [far: Tensor, Neighbours] {
    const { byDistance, memoryHeads } = this;
    const topk = this.settings.neighbours;
    const far = memoryHeads.gather(reach());
    if (byDistance === undefined) return [far, memory.lookup(far, topk, distance.reach)];
    return [far, byDistance.lookup({ near: memoryHeads.gather(here), far, topk, ...distance })];
  }

  /** Attends to what was retrieved. */
  private attend(heads: KeyHeads, q: Tensor, neighbours: Neighbours) {
    const { out, lse, weights } = retrievedAttention(
      q,
      constantScale(heads.count, this.architecture.scoreScale),
      neighbours,
    );
    return { out: heads.scatter(out), lse: heads.scatterLse(lse), weights, counts: neighbours.counts };
  }

  private isEmpty(memory: KvMemory): boolean {
    for (let row = 0; row < this.rows; row++) if (memory.length(row) > 0) return false;
    return true;
  }

  /** Keeps sinks of a row, [count, KV, D]. */
  keepSinks(row: number, { keys, values, count }: GonePairs): void {
    this.sinks?.append(row, keys, values, count);
  }

  /** Remembers pairs of a row that left the window. */
  remember(row: number, { keys, turned, values, count }: GonePairs): void {
    if (this.memory === undefined) return;
    const [k, r, v] = [keys, turned, values].map((from) => this.chosen(from, count));
    if (this.byDistance) this.byDistance.append(row, k, r, v, count);
    else this.memory.append(row, k, v, count);
  }

  /** The heads that remember, [count, KV, D] → [count, S, D], valid until the next step ends. */
  private chosen(from: Address, count: number): Address {
    const { keyHeads, headWidth } = this.architecture;
    const { remembering } = this;
    const to = arena.allocate(count * remembering.length * headWidth * 4);
    kernels.select_heads(to, from, stepIntegers(remembering), keyHeads, remembering.length, headWidth, 0, 0, count);
    return to;
  }

  /** The query heads that look pairs up, in the order of retrievals. */
  get retrievingHeads(): readonly number[] {
    return this.memory === undefined ? [] : this.memoryHeads.queryHeads;
  }

  /** Forgets the sinks of a row. */
  forgetSinks(row: number): void {
    this.sinks?.reset(row);
  }

  /** Forgets a row. */
  reset(row: number): void {
    this.sinks?.reset(row);
    if (this.byDistance) this.byDistance.reset(row);
    else this.memory?.reset(row);
  }

  /** Copies a row for a checkpoint, as `NAME.sinks.…` and `NAME.memory.…`. */
  save(saved: Map<string, StoredTensor>, name: string, row: number): void {
    const { sinks, memory, byDistance } = this;
    if (sinks) saveMemoryRow(saved, `${name}.sinks`, sinks, row);
    if (byDistance) byDistance.save(saved, `${name}.memory`, row);
    else if (memory) saveMemoryRow(saved, `${name}.memory`, memory, row);
  }

  /** Restores a row that `save` copied. Throws an InputError for tensors that do not fit. */
  load(reader: TensorReader, name: string, row: number): void {
    const { sinks, memory, byDistance } = this;
    if (sinks) loadMemoryRow(reader, `${name}.sinks`, sinks, row);
    if (byDistance) byDistance.load(reader, `${name}.memory`, row);
    else if (memory) loadMemoryRow(reader, `${name}.memory`, memory, row);
  }

  /** Frees the storage. */
  release(): void {
    this.sinks?.release();
    if (this.byDistance) this.byDistance.release();
    else this.memory?.release();
  }
}
