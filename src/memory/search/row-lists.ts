/**
 * The inverted lists of one row's heads, as its ring turns: keys enter and leave lists, and clusters are renewed a little with
 * every key that comes. Which kernels do what, and in what order; the arithmetic is in assembly/, the calendar in renewals.ts.
 *
 * There are two clusterings, one in use and one in the making. The work of a renewal is a sequence of passes: batches of k-means, and
 * then all remembered keys once. What share of it is done depends on how far the row has come from point to point, so that at
 * the next point the clusterings change places, and only the lists are made anew.
 */
import { parallelWithScratch, reserveScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import type { Ring } from "../ring.ts";
import type { Renewal, Renewals } from "./renewals.ts";

/**
 * k-means takes a few keys for each list at a time, others every time, and moves the centroids after each such batch. What it has seen
 * before counts less and less. So it comes as far as with three times as many comparisons over all keys at once.
 */
const BATCHES = 50;
const BATCH_KEYS_A_LIST = 4;
/** Batches are fewer where keys are few: each is taken this often at most. */
const MOST_ROUNDS = 4;
const KEPT = 0.9;

/** Where a head's parts lie in its block: its index (assembly/search/lists.ts) at 0, then the clusterings (assembly/search/kmeans.ts). */
export interface HeadLayout {
  readonly bytes: number;
  readonly clusterings: readonly [number, number];
  /** Lists that it has room for. */
  readonly lists: number;
}

/** Assigns the pairs first, first + step, … to their nearest lists. */
interface Pass {
  readonly first: number;
  readonly step: number;
  readonly count: number;
  /** If centroids move then, the weight of what they saw before. */
  readonly kept?: number;
}

/** A renewal in the making. */
interface Work {
  readonly renewal: Renewal;
  readonly passes: readonly Pass[];
  /** Which pass is at work, and how many of its pairs are done. */
  pass: number;
  done: number;
}

/** Has as much scratch space as rows of keys of this width ever ask for, on as many threads as there are now. */
export function reserveListScratch(width: number): void {
  reserveScratch(Math.max(width * 4, kernels.kmeans_assign_scratch_bytes(width)));
}

export class RowLists {
  private readonly ring: Ring;
  private readonly row: number;
  /** Address of the blocks of the row's heads. */
  private readonly blocks: number;
  private readonly layout: HeadLayout;
  private readonly renewals: Renewals;
  private readonly listsFor: (keys: number) => number;
  /** Which clustering is in use, and since which point; 0 is none yet, and all keys are in one list. */
  private side: 0 | 1 = 0;
  private point = 0;
  private work: Work | undefined;
  /** Pairs [first, end) are in lists. */
  private first = 0;
  private end = 0;

  /** @param listsFor tells how many lists so many keys are to have */
  constructor(
    ring: Ring,
    row: number,
    blocks: number,
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

  /** The row remembers nothing. */
  reset(): void {
    this.start(this.side, 1, 0, 0);
    this.clear();
    this.point = 0;
    this.work = undefined;
    this.first = 0;
    this.end = 0;
  }

  /** The row has just taken pairs and may have forgotten others. */
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

  /** Has clusters come into use, and makes lists of the pairs [first, point). */
  private renew(renewal: Renewal, first: number): void {
    this.prepare(renewal, first, renewal.point);
    this.side = this.comingSide;
    this.point = renewal.point;
    this.work = undefined;
    this.clear();
    this.append(first, renewal.point);
    this.end = renewal.point;
  }

  /** Brings a renewal as far as it has to be when pairs [first, end) are remembered. */
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

  /** Brings the pass at work to `goal` pairs, and to its end if these are all. */
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

  /** The arguments with which kernels find the row's clusterings of one side, and its keys. */
  private clusterings(side: 0 | 1) {
    const { half, keys, rowBytes } = this.ring;
    const { bytes, clusterings } = this.layout;
    return [this.blocks + clusterings[side], bytes, keys + this.row * rowBytes, half] as const;
  }

  /** Begins a clustering around some of the `count` pairs from `first` on. */
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

  /** Moves the coming centroids into the middle of those of the pairs that are assigned to them. */
  private move({ first, step, count, kept }: Pass): void {
    const { heads, width, capacity } = this.ring;
    const clusterings = this.clusterings(this.comingSide);
    parallelWithScratch("kmeans_move", heads, width * 4, ...clusterings, first % capacity, step, count, kept as number);
  }

  /** Empties all lists; they are those of the clustering in use now. */
  private clear(): void {
    kernels.lists_clear(this.blocks, this.layout.bytes, this.ring.heads, this.layout.clusterings[this.side]);
  }

  /** Takes all pairs before `first` out of the lists. */
  private drop(first: number): void {
    const { heads, capacity } = this.ring;
    const count = Math.min(first, this.end) - this.first;
    kernels.lists_drop(this.blocks, this.layout.bytes, heads, this.first % capacity, count);
  }

  /** Puts pairs [from, end) into the lists nearest to them. */
  private add(from: number, end: number): void {
    this.assign(this.side, from, 1, end - from);
    this.append(from, end);
  }

  /** Puts pairs [from, end) into the lists that they are assigned to. */
  private append(from: number, end: number): void {
    const { heads, half, width, capacity, keys, rowBytes } = this.ring;
    const target = [this.blocks, this.layout.bytes, keys + this.row * rowBytes, half] as const;
    parallelWithScratch("lists_append", heads, width * 4, ...target, from % capacity, end - from);
  }
}
