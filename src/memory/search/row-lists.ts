/**
 * The bookkeeping of inverted lists for the heads of one row. Keys enter and leave lists as the ring turns, and every new key
 * renews the clusters a little. This file decides which kernels run, and in what order. The arithmetic is in assembly/search/,
 * the calendar in renewals.ts.
 *
 * There are two clusterings: one in use and one being built. A renewal is a sequence of passes: batches of k-means, then one
 * pass over all remembered keys. The share of it that is done grows with the row's way from point to point. At the next point
 * the clusterings swap, and only the lists are rebuilt.
 */
import type { Address } from "../../wasm/heap.ts";
import { parallelWithScratch, reserveScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import type { Ring } from "../ring.ts";
import type { Renewal, Renewals } from "./renewals.ts";

/**
 * Mini-batch k-means: each batch takes a few fresh keys per list, then moves the centroids, with earlier batches decaying.
 * It reaches the same recall as full-batch k-means with a third of the comparisons.
 */
const BATCHES = 50;
const BATCH_KEYS_A_LIST = 4;
/** The most times that one key is used; few keys make fewer batches. */
const MOST_ROUNDS = 4;
const KEPT = 0.9;

/** The layout of a head's block: its lists (assembly/search/lists.ts) at 0, then two clusterings (assembly/search/kmeans.ts). */
export interface HeadLayout {
  readonly bytes: number;
  readonly clusterings: readonly [number, number];
  /** The most lists that fit. */
  readonly lists: number;
}

/** A pass that assigns the pairs first, first + step, … to their nearest lists. */
interface Pass {
  readonly first: number;
  readonly step: number;
  readonly count: number;
  /** The weight of earlier batches, if the centroids move after the pass. */
  readonly kept?: number;
}

/** A renewal being built. */
interface Work {
  readonly renewal: Renewal;
  readonly passes: readonly Pass[];
  /** The current pass, and how many of its pairs are done. */
  pass: number;
  done: number;
}

/** Reserves the scratch space that rows of keys of this width need, on the current number of threads. */
export function reserveListScratch(width: number): void {
  reserveScratch(Math.max(width * 4, kernels.kmeans_assign_scratch_bytes(width)));
}

export class RowLists {
  private readonly ring: Ring;
  private readonly row: number;
  /** The blocks of the row's heads. */
  private readonly blocks: Address;
  private readonly layout: HeadLayout;
  private readonly renewals: Renewals;
  private readonly listsFor: (keys: number) => number;
  /** The clustering in use, and the point since when; at point 0 there is none yet, and all keys are in one list. */
  private side: 0 | 1 = 0;
  private point = 0;
  private work: Work | undefined;
  /** Pairs [first, end) are in lists. */
  private first = 0;
  private end = 0;

  /** @param listsFor returns the number of lists for a number of keys */
  constructor(
    ring: Ring,
    row: number,
    blocks: Address,
    layout: HeadLayout,
    renewals: Renewals,
    listsFor: (keys: number) => number,
  ) {
    this.ring = ring;
    this.row = row;
    this.blocks = blocks;
    this.layout = layout;
    this.renewals = renewals;
    this.listsFor = listsFor;
    this.reset();
  }

  /** Forgets all pairs of the row. */
  reset(): void {
    this.start(this.side, 1, 0, 0);
    this.clear();
    this.point = 0;
    this.work = undefined;
    this.first = 0;
    this.end = 0;
  }

  /** Follows the ring after it took new pairs and may have forgotten others. */
  follow(): void {
    const end = this.ring.appended(this.row);
    const first = end - this.ring.length(this.row);
    const latest = this.renewals.latest(first, end);
    if (latest === undefined || latest.point === this.point) this.drop(first);
    else this.renew(latest, first);
    this.add(Math.max(first, this.end), end);
    this.first = first;
    this.end = end;
    const next = this.renewals.next(first, end);
    if (next !== undefined) this.prepare(next, first, end);
  }

  /** Switches to the clustering just built and rebuilds the lists for pairs [first, point). */
  private renew(renewal: Renewal, first: number): void {
    this.prepare(renewal, first, renewal.point);
    this.side = this.comingSide;
    this.point = renewal.point;
    this.work = undefined;
    this.clear();
    this.append(first, renewal.point);
    this.end = renewal.point;
  }

  /** Does the share of a renewal that is due when the row holds pairs [first, end). */
  private prepare(renewal: Renewal, first: number, end: number): void {
    if (this.work?.renewal.point !== renewal.point) this.work = this.begin(renewal, first);
    const { work } = this;
    const { point, begin } = renewal;
    const all = work.passes.reduce((sum, { count }) => sum + count, 0);
    let left = end < point ? Math.floor((all * (end - begin)) / (point - begin)) : all;
    for (const [i, { count }] of work.passes.entries()) {
      if (i === work.pass) this.advance(work, Math.min(count, left));
      left -= count;
    }
  }

  /** Continues the current pass up to `goal` pairs, and ends it if these are all. */
  private advance(work: Work, goal: number): void {
    const { first, step, count, kept } = work.passes[work.pass];
    if (goal <= work.done) return;
    this.assign(this.comingSide, first + work.done * step, step, goal - work.done);
    work.done = goal;
    if (goal < count) return;
    if (kept !== undefined) this.move(work.passes[work.pass]);
    work.pass++;
    work.done = 0;
  }

  private begin(renewal: Renewal, first: number): Work {
    const { point, from, begin, held } = renewal;
    const keys = begin - from;
    const lists = Math.min(this.listsFor(held), keys);
    this.start(this.comingSide, lists, from, keys);
    const step = Math.max(1, Math.floor(keys / (BATCH_KEYS_A_LIST * lists)));
    const passes = Array.from({ length: Math.min(BATCHES, MOST_ROUNDS * step) }, (_, i): Pass => {
      const offset = i % step;
      return { first: from + offset, step, count: Math.ceil((keys - offset) / step), kept: KEPT };
    });
    const oldest = Math.max(first, point - this.ring.size);
    passes.push({ first: oldest, step: 1, count: point - oldest });
    return { renewal, passes, pass: 0, done: 0 };
  }

  private get comingSide(): 0 | 1 {
    return this.side === 0 ? 1 : 0;
  }

  /** The kernels' arguments for the row's clusterings of one side, and for its keys. */
  private clusterings(side: 0 | 1) {
    const { float16, keys, rowBytes } = this.ring;
    const { bytes, clusterings } = this.layout;
    return [this.blocks + clusterings[side], bytes, keys + this.row * rowBytes, float16] as const;
  }

  /** Starts a clustering around some of the `count` pairs that begin at `first`. */
  private start(side: 0 | 1, lists: number, first: number, count: number): void {
    const { heads, width, capacity } = this.ring;
    const clusterings = this.clusterings(side);
    parallelWithScratch("kmeans_start", heads, width * 4, ...clusterings, lists, first % capacity, count);
  }

  private assign(side: 0 | 1, first: number, step: number, count: number): void {
    const { heads, width, capacity } = this.ring;
    const units = kernels.kmeans_assign_units(heads, count);
    const scratchBytes = kernels.kmeans_assign_scratch_bytes(width);
    const clusterings = this.clusterings(side);
    parallelWithScratch("kmeans_assign", units, scratchBytes, ...clusterings, first % capacity, step, count);
  }

  /** Moves each centroid being built to the mean of the pairs that the pass assigned to it. */
  private move({ first, step, count, kept }: Pass): void {
    const { heads, width, capacity } = this.ring;
    const clusterings = this.clusterings(this.comingSide);
    parallelWithScratch("kmeans_move", heads, width * 4, ...clusterings, first % capacity, step, count, kept as number);
  }

  /** Empties all lists, and attaches them to the clustering in use now. */
  private clear(): void {
    kernels.lists_clear(this.blocks, this.layout.bytes, this.ring.heads, this.layout.clusterings[this.side]);
  }

  /** Removes all pairs before `first` from the lists. */
  private drop(first: number): void {
    const { heads, capacity } = this.ring;
    const count = Math.min(first, this.end) - this.first;
    kernels.lists_drop(this.blocks, this.layout.bytes, heads, this.first % capacity, count);
  }

  /** Adds pairs [from, end) to their nearest lists. */
  private add(from: number, end: number): void {
    this.assign(this.side, from, 1, end - from);
    this.append(from, end);
  }

  /** Adds pairs [from, end) to the lists that they are assigned to. */
  private append(from: number, end: number): void {
    const { heads, float16, width, capacity, keys, rowBytes } = this.ring;
    const target = [this.blocks, this.layout.bytes, keys + this.row * rowBytes, float16] as const;
    parallelWithScratch("lists_append", heads, width * 4, ...target, from % capacity, end - from);
  }
}
