/**
 * Approximate search by inverted lists: keys are kept, a second time, in lists around centroids, and a query looks into the
 * nearest of these only. Until there are keys enough for lists to be worth their while, the search is exact.
 *
 * Rows have documents, and so lists, of their own (row-lists.ts). What they find follows from the pairs that a row remembers
 * and from how many it was given (renewals.ts): a memory that was put back finds, to the bit, what it would have found.
 */
import { InputError } from "../../base/errors.ts";
import { parallelWithScratch, threadCount } from "../../wasm/parallel.ts";
import { heap, kernels } from "../../wasm/runtime.ts";
import type { MemoryShape } from "../options.ts";
import { capacityOf, type Ring } from "../ring.ts";
import { type KeyIndex, type SearchJob, stepSpans } from "./key-index.ts";
import { Renewals } from "./renewals.ts";
import { type HeadLayout, RowLists, reserveListScratch } from "./row-lists.ts";

/** Automatic lists are made from this many keys on; so few are searched exactly almost as fast. */
const LEAST_KEYS = 4096;
/** Given lists are made as soon as there are this many keys for each. */
const LEAST_KEYS_A_LIST = 8;
/** Queries that are grouped by list together: the more, the more of them share a key. */
const MOST_QUERIES = 512;

/** Lists for `keys` keys: about twice their square root, in whole tiles of eight. */
export function automaticLists(keys: number): number {
  return Math.ceil((2 * Math.sqrt(keys)) / 8) * 8;
}

/** The block of a head of a memory that remembers `size` pairs of `width` floats in `capacity` slots. */
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

/** Bytes that an index over a memory of this shape takes. `lists`: of a head; 0 is automatic. */
export function invertedIndexBytes(shape: MemoryShape, lists = 0): number {
  const { rows, heads, width, size } = shape;
  return rows * heads * headLayout(width, capacityOf(shape), size, lists).bytes;
}

class InvertedIndex implements KeyIndex {
  readonly bytes: number;
  private readonly ring: Ring;
  private readonly layout: HeadLayout;
  private readonly probes: number;
  /** Address of the heads' blocks, [B, H]. */
  private readonly blocks: number;
  private readonly rows: readonly RowLists[];

  constructor(ring: Ring, lists: number, probes: number) {
    const { rows, heads, width, size, capacity } = ring;
    this.ring = ring;
    this.layout = headLayout(width, capacity, size, lists);
    this.probes = Math.min(probes, this.layout.lists);
    this.bytes = rows * heads * this.layout.bytes;
    reserveListScratch(width); // so that what follows, and every append, has it
    this.blocks = heap.allocate(this.bytes);
    for (let head = 0; head < rows * heads; head++) this.layOut(this.blocks + head * this.layout.bytes);
    const renewals = new Renewals(size, lists > 0 ? Math.min(LEAST_KEYS_A_LIST * lists, size) : LEAST_KEYS);
    const listsFor = (keys: number) => lists || Math.min(automaticLists(keys), this.layout.lists);
    this.rows = Array.from({ length: rows }, (_, row) => {
      return new RowLists(ring, row, this.blocks + row * heads * this.layout.bytes, this.layout, renewals, listsFor);
    });
  }

  /** Writes the headers of a head's parts. */
  private layOut(block: number): void {
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
    if (job.reach !== undefined) {
      throw new InputError(
        "the inverted search looks through all of a memory; search a part of it by exact, quantised or bucketed",
      );
    }
    // Queries of one head are cut apart only where whole heads cannot be shared out evenly.
    const parts = (rows * heads) % threadCount() === 0 ? 1 : threadCount();
    const block = Math.min(MOST_QUERIES, Math.ceil(segment / parts));
    parallelWithScratch(
      "topk_inverted",
      kernels.inverted_units(rows, segment, heads, block),
      kernels.inverted_scratch_bytes(width, job.topk, block, this.layout.lists, this.probes),
      job.scores,
      job.slots,
      job.queries.ptr,
      stepSpans(this.ring),
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
 * An index over `ring` with `lists` lists a head (0 is automatic), of which a query looks into `probes`. Of equal scores among
 * those found the older key comes first.
 */
export function invertedIndex(ring: Ring, lists: number, probes: number): KeyIndex {
  return new InvertedIndex(ring, lists, probes);
}
