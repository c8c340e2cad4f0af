/**
 * Quantised search that is still exact. Keys are also kept as small integers: 8 bits with relaxed SIMD, else 16. A query
 * scans all of them, and scores again in f32 the keys that rounding could have hidden. assembly/search/rounding.ts proves the
 * bounds. A query that they cannot decide is searched in f32 and counted. Keys that are longer than 1 get a frame (key-frames.ts).
 */
import { stepIntegers } from "../../autodiff/tensor.ts";
import type { Address } from "../../wasm/heap.ts";
import { parallelElements, parallelWithScratch, reserveScratch } from "../../wasm/parallel.ts";
import { heap, kernels } from "../../wasm/runtime.ts";
import type { MemoryShape } from "../options.ts";
import { capacityOf, type Ring } from "../ring.ts";
import {
  exactIndex,
  type FallbackCount,
  type KeyIndex,
  type SearchJob,
  searchArguments,
  searchUnits,
} from "./exact.ts";
import { KeyFrames } from "./key-frames.ts";

/** Bytes of the rounded keys and margins of one row. */
function rowBytes(heads: number, width: number, capacity: number): number {
  return heads * Math.ceil(capacity / kernels.quantised_panel_keys()) * kernels.quantised_panel_bytes(width);
}

/** Bytes of the places of long keys, a number for each unit of the largest append. */
function placesBytes(heads: number, capacity: number): number {
  return kernels.quantise_units(capacity, heads) * 4;
}

/** Bytes of the index of a memory of this shape. */
export function quantisedIndexBytes(shape: MemoryShape): number {
  const { rows, heads, width } = shape;
  const panels = rows * rowBytes(heads, width, capacityOf(shape));
  return panels + placesBytes(heads, capacityOf(shape)) + KeyFrames.bytesFor(shape);
}

class QuantisedIndex implements KeyIndex {
  readonly bytes: number;
  readonly fallbackCount: FallbackCount = { queries: 0, fallbacks: 0 };
  private readonly ring: Ring;
  private readonly exact: KeyIndex;
  /** The rounded keys: [B][H] panels and margins. */
  private readonly panels: Address;
  /** The places of keys longer than 1 in the latest append, by unit (i32); behind the panels. */
  private readonly places: Address;
  /** For each row, the number after its last pair whose key is longer than 1 in its frame. The bounds fail while that pair is stored. */
  private readonly unboundedEnd: Float64Array;
  /** The frames of the keys; those of a row without long keys are not used. */
  private readonly frames: KeyFrames;

  constructor(ring: Ring) {
    this.ring = ring;
    this.exact = exactIndex(ring);
    const [panels, places] = [ring.rows * this.rowBytes, placesBytes(ring.heads, ring.capacity)];
    this.bytes = panels + places + KeyFrames.bytesFor(ring);
    reserveScratch(this.keyScratchBytes); // so that no append can fail for lack of it
    this.panels = heap.allocate(this.bytes);
    this.places = this.panels + panels;
    this.frames = new KeyFrames(ring, this.places + places);
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
    const unbounded = this.quantise(row, Math.min(count, this.ring.capacity));
    if (unbounded === 0 && !this.frames.isDue(row)) return;
    this.unboundedEnd[row] = Math.max(this.unboundedEnd[row], unbounded); // counts if there is no room for frames
    this.frames.fit(row);
    this.unboundedEnd[row] = this.quantise(row, this.ring.length(row));
  }

  /** Rounds the newest `kept` keys of a row. Returns the number after the last pair whose key is too long, or 0. */
  private quantise(row: number, kept: number): number {
    const { heads, width, capacity, float16, keys } = this.ring;
    const units = kernels.quantise_units(kept, heads);
    parallelWithScratch(
      "quantise_keys",
      units,
      this.keyScratchBytes,
      this.panels + row * this.rowBytes,
      this.places,
      keys + row * this.ring.rowBytes,
      this.frames.ofRow(row),
      this.ring.slotOfNewest(row, kept),
      kept,
      heads,
      width,
      capacity,
      float16,
    );
    const unbounded = heap.i32(this.places, units).reduce((last, place) => Math.max(last, place), 0);
    return unbounded === 0 ? 0 : this.ring.appended(row) - kept + unbounded;
  }

  /** Whether a row holds a key that is longer than 1. */
  private get isUnbounded(): boolean {
    const { ring } = this;
    return this.unboundedEnd.some((end, row) => end > ring.appended(row) - ring.length(row));
  }

  reset(row: number): void {
    this.unboundedEnd[row] = 0;
    this.frames.forget(row);
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
    parallelWithScratch(
      "topk_quantised",
      units,
      scratchBytes,
      ...search,
      this.panels,
      this.frames.all,
      job.floors ?? 0,
      failures,
    );
    this.fallbackCount.fallbacks += heap.i32(failures, units).reduce((sum, count) => sum + count, 0);
  }

  release(): void {
    heap.release(this.panels);
  }
}

/** Returns an index whose results are bit-identical to exact search. */
export function quantisedIndex(ring: Ring): KeyIndex {
  return new QuantisedIndex(ring);
}
