/**
 * Mean gates over forward passes. They are the gates in reports, for every policy of nn/gate.ts. A gate is counted in units of 2^-30, so
 * sums are whole numbers, and the same in whatever order and on however many machines they are made.
 */
import type { Retrieval } from "../nn/self-attention.ts";
import { heap } from "../wasm/runtime.ts";

const UNITS = 2 ** 30;

/** Sums of one layer over the queries that retrieved something, as JSON keeps them. */
export interface GateSums {
  /** The layer, from 0. */
  readonly layer: number;
  /** In units, head by head. */
  readonly sums: readonly number[];
  /** How many queries were summed. */
  readonly queries: number;
}

/** Sums over the queries that retrieved something, head by head. */
interface HeadSums {
  readonly sums: Float64Array;
  queries: number;
}

export class GateMeans {
  private readonly layers = new Map<number, HeadSums>();

  /** Adds the gates [B, T, H] of one layer in one forward pass; rows that retrieved nothing do not count. */
  observe(layer: number, { gates, neighbours }: Retrieval): void {
    const [rows, segment, heads] = gates.shape;
    const computed = heap.f32(gates.ptr, gates.size);
    const known = this.sumsOf(layer, heads);
    for (let row = 0; row < rows; row++) {
      if (neighbours.counts[row] === 0) continue;
      known.queries += segment;
      const end = (row + 1) * segment * heads;
      for (let at = row * segment * heads; at < end; at++) known.sums[at % heads] += Math.round(computed[at] * UNITS);
    }
  }

  /** All sums, by layer. */
  sums(): GateSums[] {
    return [...this.layers].map(([layer, { sums, queries }]) => ({ layer, sums: [...sums], queries }));
  }

  /** Adds the sums of other passes. */
  add(others: readonly GateSums[]): void {
    for (const { layer, sums, queries } of others) {
      const known = this.sumsOf(layer, sums.length);
      known.queries += queries;
      for (const [head, sum] of sums.entries()) known.sums[head] += sum;
    }
  }

  /** Mean gate of every head of the memory layers, in the order of the layers; [] if nothing was retrieved. */
  byHead(): number[] {
    return this.inOrder().flatMap(({ sums, queries }) => [...sums].map((sum) => sum / UNITS / queries));
  }

  /** Mean gate of each memory layer, over its heads. */
  byLayer(): number[] {
    return this.inOrder().map(
      ({ sums, queries }) => sums.reduce((total, sum) => total + sum, 0) / UNITS / sums.length / queries,
    );
  }

  private sumsOf(layer: number, heads: number): HeadSums {
    const known = this.layers.get(layer) ?? { sums: new Float64Array(heads), queries: 0 };
    this.layers.set(layer, known);
    return known;
  }

  private inOrder(): HeadSums[] {
    const layers = [...this.layers].sort(([a], [b]) => a - b);
    return layers.map(([, sums]) => sums).filter(({ queries }) => queries > 0);
  }
}
