/**
 * Quantised search that is exact all the same: keys are kept a second time as small integers (8 bits with relaxed SIMD,
 * else 16), all of them are scanned, and what rounding could have hidden is scored again in f32. The bounds behind it are
 * proven in assembly/search/rounding.ts; a query that they cannot decide is searched in f32 and counted.
 */
import { stepIntegers } from "../../autodiff/tensor.ts";
import { parallelElements, parallelWithScratch } from "../../wasm/parallel.ts";
import { heap, kernels } from "../../wasm/runtime.ts";
import { scratch } from "../../wasm/scratch.ts";
import type { MemoryShape } from "../options.ts";
import { capacityOf, type Ring } from "../ring.ts";
import { exactIndex } from "./exact.ts";
import { type FallbackCount, type KeyIndex, type SearchJob, searchArguments, searchUnits } from "./key-index.ts";

/** Bytes of one row's rounded keys and margins. */
function rowBytes(heads: number, width: number, capacity: number): number {
  return heads * Math.ceil(capacity / kernels.quantised_panel_keys()) * kernels.quantised_panel_bytes(width);
}

/** Bytes that the index of a memory of this shape takes. */
export function quantisedIndexBytes(shape: MemoryShape): number {
  return shape.rows * rowBytes(shape.heads, shape.width, capacityOf(shape));
}

class QuantisedIndex implements KeyIndex {
  readonly bytes: number;
  readonly fallbackCount: FallbackCount = { queries: 0, fallbacks: 0 };
  private readonly ring: Ring;
  private readonly exact: KeyIndex;
  /** Address of the rounded keys, [B][H] panels and margins. */
  private readonly panels: number;
  /** Of each row the number of the pair after the last whose key is longer than 1: while it is held, the bounds do not hold. */
  private readonly unboundedEnd: Float64Array;

  constructor(ring: Ring) {
    this.ring = ring;
    this.exact = exactIndex(ring);
    this.bytes = ring.rows * this.rowBytes;
    scratch(this.keyScratchBytes); // so that no append ever fails for want of it
    this.panels = heap.allocate(this.bytes);
    this.unboundedEnd = new Float64Array(ring.rows);
    parallelElements("zero", this.bytes / 4, this.panels);
  }

  private get rowBytes(): number {
    return rowBytes(this.ring.heads, this.ring.width, this.ring.capacity);
  }

  private get keyScratchBytes(): number {
    return kernels.quantised_width(this.ring.width) * 4;
  }

  appended(row: number, count: number): void {
    const { heads, width, capacity, half, keys } = this.ring;
    const kept = Math.min(count, capacity);
    const unbounded = kernels.quantise_keys(
      this.panels + row * this.rowBytes,
      keys + row * this.ring.rowBytes,
      this.ring.slotOfNewest(row, kept),
      kept,
      heads,
      width,
      capacity,
      half,
      scratch(this.keyScratchBytes),
    );
    if (unbounded > 0) this.unboundedEnd[row] = this.ring.appended(row) - kept + unbounded;
  }

  /** Whether a row holds a key that is longer than 1. */
  private get isUnbounded(): boolean {
    const { ring } = this;
    return this.unboundedEnd.some((end, row) => end > ring.appended(row) - ring.length(row));
  }

  reset(row: number): void {
    this.unboundedEnd[row] = 0;
  }

  search(job: SearchJob): void {
    const { ring } = this;
    const queries = job.queries.size / ring.width;
    this.fallbackCount.queries += queries;
    if (this.isUnbounded || job.topk > kernels.quantised_most_topk()) {
      this.fallbackCount.fallbacks += queries;
      this.exact.search(job);
      return;
    }
    const units = searchUnits(ring, job);
    const failures = stepIntegers(new Int32Array(units));
    const scratchBytes = kernels.quantised_scratch_bytes(ring.width, job.topk);
    const search = searchArguments(ring, job);
    parallelWithScratch("topk_quantised", units, scratchBytes, ...search, this.panels, failures);
    this.fallbackCount.fallbacks += heap.i32(failures, units).reduce((sum, count) => sum + count, 0);
  }

  release(): void {
    heap.release(this.panels);
  }
}

/** An index that returns what exact search returns, to the bit. While a key is longer than 1, all is searched in f32. */
export function quantisedIndex(ring: Ring): KeyIndex {
  return new QuantisedIndex(ring);
}
