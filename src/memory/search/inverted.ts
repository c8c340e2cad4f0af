/**
 * Approximate search by inverted lists. Keys are copied into lists around centroids, and a query scans only the nearest
 * lists. While a row has too few keys for lists to pay, the search is exact. docs/inverted-lists.md draws the whole index.
 *
 * Each row has its own document and so its own lists (row-lists.ts). Results depend only on the pairs that a row remembers
 * and on how many were ever appended (renewals.ts). So a restored memory finds bit-identical neighbours.
 */
import { InputError } from "../../base/errors.ts";
import type { Address } from "../../wasm/heap.ts";
import { parallelWithScratch, threadCount } from "../../wasm/parallel.ts";
import { heap, kernels } from "../../wasm/runtime.ts";
import type { MemoryShape } from "../options.ts";
import { capacityOf, type Ring } from "../ring.ts";
import { type KeyIndex, type SearchJob, stepSpans } from "./exact.ts";
import { Renewals } from "./renewals.ts";
import { type HeadLayout, RowLists, reserveListScratch } from "./row-lists.ts";

/** Automatic lists begin at this many keys; exact search of fewer is almost as fast. */
const LEAST_KEYS = 4096;
/** A given number of lists begins at this many keys for each list. */
const LEAST_KEYS_A_LIST = 8;
/** Queries that are grouped by list together. With more queries, more of them share a key. */
const MOST_QUERIES = 512;

/** Lists for `keys` keys: about twice their square root, in whole tiles of eight. */
export function automaticLists(keys: number): number {
  return Math.ceil((2 * Math.sqrt(keys)) / 8) * 8;
}

/** The layout of a head's block, for a memory of `size` pairs of `width` floats in `capacity` slots. */
function headLayout(width: number, capacity: number, size: number, lists: number): HeadLayout {
  const most = lists || automaticLists(size);
  const indexBytes = kernels.lists_bytes(width, size, most);
  const clusteringBytes = kernels.kmeans_bytes(width, capacity, most);
  return {
    bytes: indexBytes + 2 * clusteringBytes,
    clusterings: [indexBytes, indexBytes + clusteringBytes],
    lists: most,
  };
}

/** Bytes of the index of a memory of this shape, with `lists` lists for each head; 0 is automatic. */
export function invertedIndexBytes(shape: MemoryShape, lists = 0): number {
  const { rows, heads, width, size } = shape;
  return rows * heads * headLayout(width, capacityOf(shape), size, lists).bytes;
}

class InvertedIndex implements KeyIndex {
  readonly bytes: number;
  private readonly ring: Ring;
  private readonly layout: HeadLayout;
  private readonly probes: number;
  /** The heads' blocks, [B, H]. */
  private readonly blocks: Address;
  private readonly rows: readonly RowLists[];

  constructor(ring: Ring, lists: number, probes: number) {
    const { rows, heads, width, size, capacity } = ring;
    this.ring = ring;
    this.layout = headLayout(width, capacity, size, lists);
    this.probes = Math.min(probes, this.layout.lists);
    this.bytes = rows * heads * this.layout.bytes;
    reserveListScratch(width); // so that no append can fail for lack of it
    this.blocks = heap.allocate(this.bytes);
    for (let head = 0; head < rows * heads; head++) this.layOut(this.blocks + head * this.layout.bytes);
    const renewals = new Renewals(size, lists > 0 ? Math.min(LEAST_KEYS_A_LIST * lists, size) : LEAST_KEYS);
    const listsFor = (keys: number) => lists || Math.min(automaticLists(keys), this.layout.lists);
    this.rows = Array.from({ length: rows }, (_, row) => {
      return new RowLists(ring, row, this.blocks + row * heads * this.layout.bytes, this.layout, renewals, listsFor);
    });
  }

  /** Writes the headers of a head's parts. */
  private layOut(block: Address): void {
    const { width, capacity, size } = this.ring;
    const { clusterings, lists } = this.layout;
    kernels.lists_layout(block, width, capacity, size, lists);
    for (const offset of clusterings) kernels.kmeans_layout(block + offset, width, capacity, lists);
  }

  reset(row: number): void {
    this.rows[row].reset();
  }

  appended(row: number): void {
    this.rows[row].follow();
  }

  search(job: SearchJob): void {
    const { rows, heads, width } = this.ring;
    const segment = job.queries.shape[1];
    if (job.reach !== undefined || job.skipped !== undefined) {
      throw new InputError(
        "the inverted search looks through all of a memory; search a part of it by exact, quantised or bucketed",
      );
    }
    // Split the queries of a head only if whole heads do not divide evenly among the threads.
    const parts = (rows * heads) % threadCount() === 0 ? 1 : threadCount();
    const block = Math.max(1, Math.min(MOST_QUERIES, Math.ceil(segment / parts)));
    parallelWithScratch(
      "topk_inverted",
      kernels.inverted_units(rows, segment, heads, block),
      kernels.inverted_scratch_bytes(width, job.topk, block, this.layout.lists, this.probes),
      job.scores,
      job.slots,
      job.queries.ptr,
      stepSpans(this.ring, job),
      segment,
      heads,
      job.topk,
      this.blocks,
      this.layout.bytes,
      this.probes,
      block,
    );
  }

  release(): void {
    heap.release(this.blocks);
  }
}

/**
 * Returns an index over `ring` with `lists` lists for each head (0 is automatic). A query scans `probes` of them. Among equal
 * scores that were found, the older key comes first.
 */
export function invertedIndex(ring: Ring, lists: number, probes: number): KeyIndex {
  return new InvertedIndex(ring, lists, probes);
}
