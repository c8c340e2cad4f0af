/**
 * Approximate search by inverted lists: keys are kept, a second time, in lists around centroids, and a query looks into the
 * nearest of these only. Until there are keys enough for lists to be worth their while, the search is exact.
 *
 * Centroids are made anew at fixed points of a row's document; between two points keys only enter and leave lists. A full
 * memory has a point at every quarter of its size, and centroids are trained on the three quarters before it, all of which
 * are still remembered until the next point. So the lists follow from the pairs that a row remembers and from how many it was
 * given: a memory that was put back finds, to the bit, what it would have found. The arithmetic is in assembly/.
 */
import { parallelWithScratch, threadCount } from "../wasm/parallel.ts";
import { heap, kernels } from "../wasm/runtime.ts";
import type { MemoryShape } from "./memory.ts";
import { capacityOf, type Ring } from "./ring.ts";
import { type KeyIndex, type SearchJob, stepSpans } from "./search.ts";

/** Automatic lists are made from this many keys on; so few are searched exactly almost as fast. */
const LEAST_KEYS = 4096;
/** Given lists are made as soon as there are this many keys for each. */
const LEAST_KEYS_A_LIST = 8;
/** Keys for each list in the first pass of training; each pass takes twice as many as the one before, up to the most. */
const FIRST_SAMPLE = 8;
const MOST_SAMPLE = 128;
/** Queries that are grouped by list together: the more, the more of them share a key. */
const MOST_QUERIES = 512;

/** Lists for `keys` keys: about twice their square root, in whole tiles of eight. */
export function automaticLists(keys: number): number {
  return Math.ceil((2 * Math.sqrt(keys)) / 8) * 8;
}

/** Bytes that an index over a memory of this shape takes. `lists`: of a head; 0 is automatic. */
export function invertedIndexBytes(shape: MemoryShape, lists = 0): number {
  const { rows, heads, width, size } = shape;
  return rows * heads * kernels.lists_bytes(width, capacityOf(shape), size, lists || automaticLists(size));
}

class InvertedIndex implements KeyIndex {
  readonly bytes: number;
  private readonly ring: Ring;
  /** Lists of a head as they were asked for, 0 for automatic, and how many there can be. */
  private readonly lists: number;
  private readonly mostLists: number;
  private readonly probes: number;
  /** Keys from which there is more than one list. */
  private readonly leastKeys: number;
  /** Address of the heads' indices [B, H], which assembly/lists.ts lays out, and bytes of each. */
  private readonly indices: number;
  private readonly headBytes: number;
  /** The point at which each row's centroids were made; 0 is none yet. */
  private readonly point: Float64Array;
  /** Numbers of the first pair of each row that is in a list, and of the one after the last. */
  private readonly first: Float64Array;
  private readonly end: Float64Array;

  constructor(ring: Ring, lists: number, probes: number) {
    const { rows, heads, width, size, capacity } = ring;
    this.ring = ring;
    this.lists = lists;
    this.mostLists = lists || automaticLists(size);
    this.probes = Math.min(probes, this.mostLists);
    this.leastKeys = lists === 0 ? LEAST_KEYS : LEAST_KEYS_A_LIST * lists;
    this.headBytes = kernels.lists_bytes(width, capacity, size, this.mostLists);
    this.bytes = rows * heads * this.headBytes;
    this.indices = heap.allocate(this.bytes);
    this.point = new Float64Array(rows);
    this.first = new Float64Array(rows);
    this.end = new Float64Array(rows);
    for (let head = 0; head < rows * heads; head++) {
      kernels.lists_layout(this.indices + head * this.headBytes, width, capacity, size, this.mostLists);
    }
    for (let row = 0; row < rows; row++) this.reset(row);
  }

  reset(row: number): void {
    this.clear(row, 0, 1);
  }

  appended(row: number): void {
    const { ring } = this;
    const end = ring.appended(row);
    const first = end - ring.length(row);
    const point = this.lastPoint(first, end);
    if (point === this.point[row]) this.drop(row, first);
    else this.train(row, first, point);
    this.add(row, Math.max(first, this.end[row]), end);
    this.first[row] = first;
    this.end[row] = end;
  }

  /** Where the centroids for pairs [first, end) of a row's document are made: before that pair; 0 is nowhere yet. */
  private lastPoint(first: number, end: number): number {
    const { size } = this.ring;
    const length = end - first;
    if (length < this.leastKeys) return 0;
    if (length < size) return first + 2 ** Math.floor(Math.log2(length));
    const quarter = Math.floor(size / 4);
    return Math.floor(end / quarter) * quarter;
  }

  /** Makes the centroids of a row from the last of the pairs [first, point), and new lists of all of these. */
  private train(row: number, first: number, point: number): void {
    const { heads, width, size, capacity } = this.ring;
    const lists = this.lists || Math.min(automaticLists(2 * (point - first)), this.mostLists);
    const count = Math.min(point - first, size - Math.floor(size / 4));
    const slot = (point - count) % capacity;
    this.clear(row, point, lists);
    parallelWithScratch("kmeans_start", heads, width * 4, ...this.indexArguments(row), slot, count);
    const most = Math.min(count, MOST_SAMPLE * lists);
    for (let sample = FIRST_SAMPLE * lists; sample < 2 * most; sample *= 2) {
      const step = Math.max(1, Math.floor(count / sample));
      this.assign(row, slot, step, Math.floor(count / step));
      this.moveCentroids(row, slot, step, Math.floor(count / step));
    }
    this.add(row, first, point);
    this.moveCentroids(row, slot, 1, count);
    this.end[row] = point;
  }

  /** Moves the centroids into the middle of those keys in `count` slots, `step` apart, that are assigned to them. */
  private moveCentroids(row: number, slot: number, step: number, count: number): void {
    const { heads, width } = this.ring;
    const scratchBytes = kernels.kmeans_move_scratch_bytes(width, this.mostLists);
    parallelWithScratch("kmeans_move", heads, scratchBytes, ...this.indexArguments(row), slot, step, count);
  }

  /** Notes the lists of the keys in `count` slots, `step` apart. */
  private assign(row: number, slot: number, step: number, count: number): void {
    const { heads, width } = this.ring;
    const units = kernels.kmeans_assign_units(heads, count);
    const scratchBytes = kernels.kmeans_assign_scratch_bytes(width);
    parallelWithScratch("kmeans_assign", units, scratchBytes, ...this.indexArguments(row), slot, step, count);
  }

  private clear(row: number, point: number, lists: number): void {
    const { heads } = this.ring;
    const [indices, stride] = this.indexArguments(row);
    kernels.lists_clear(indices, stride, heads, lists);
    this.point[row] = point;
    this.first[row] = 0;
    this.end[row] = 0;
  }

  /** Takes all pairs before `first` out of the lists. */
  private drop(row: number, first: number): void {
    const { heads, capacity } = this.ring;
    const [indices, stride] = this.indexArguments(row);
    const oldest = this.first[row];
    const count = Math.min(first, this.end[row]) - oldest;
    kernels.lists_drop(indices, stride, heads, oldest % capacity, count);
  }

  /** Puts pairs [from, end) into lists. */
  private add(row: number, from: number, end: number): void {
    const { heads, width, capacity } = this.ring;
    const slot = from % capacity;
    this.assign(row, slot, 1, end - from);
    parallelWithScratch("lists_append", heads, width * 4, ...this.indexArguments(row), slot, end - from);
  }

  /** Addresses of a row's indices and keys, as the kernels take them. */
  private indexArguments(row: number) {
    const { heads, half, keys, rowBytes } = this.ring;
    const indices = this.indices + row * heads * this.headBytes;
    return [indices, this.headBytes, keys + row * rowBytes, half] as const;
  }

  search(job: SearchJob): void {
    const { rows, heads, width } = this.ring;
    const segment = job.queries.shape[1];
    // Queries of one head are cut apart only where whole heads cannot be shared out evenly.
    const parts = (rows * heads) % threadCount() === 0 ? 1 : threadCount();
    const block = Math.min(MOST_QUERIES, Math.ceil(segment / parts));
    parallelWithScratch(
      "topk_inverted",
      kernels.inverted_units(rows, segment, heads, block),
      kernels.inverted_scratch_bytes(width, block, this.mostLists, this.probes),
      job.scores,
      job.slots,
      job.queries.ptr,
      stepSpans(this.ring),
      segment,
      heads,
      job.topk,
      this.indices,
      this.headBytes,
      this.probes,
      block,
    );
  }

  release(): void {
    heap.release(this.indices);
  }
}

/**
 * An index over `ring` with `lists` lists a head (0 is automatic), of which a query looks into `probes`. Of equal scores among
 * those found the older key comes first.
 */
export function invertedIndex(ring: Ring, lists: number, probes: number): KeyIndex {
  return new InvertedIndex(ring, lists, probes);
}
