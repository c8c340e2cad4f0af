/** Mean gates over forward passes. They are the gates in reports, for every policy of nn/gate.ts. */
import type { Retrieval } from "../nn/self-attention.ts";
import { heap } from "../wasm/runtime.ts";

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
    const known = this.layers.get(layer) ?? { sums: new Float64Array(heads), queries: 0 };
    this.layers.set(layer, known);
    for (let row = 0; row < rows; row++) {
      if (neighbours.counts[row] === 0) continue;
      known.queries += segment;
      const end = (row + 1) * segment * heads;
      for (let at = row * segment * heads; at < end; at++) known.sums[at % heads] += computed[at];
    }
  }

  /** Mean gate of every head of the memory layers, in the order of the layers; [] if nothing was retrieved. */
  byHead(): number[] {
    return this.inOrder().flatMap(({ sums, queries }) => [...sums].map((sum) => sum / queries));
  }

  /** Mean gate of each memory layer, over its heads. */
  byLayer(): number[] {
    return this.inOrder().map(
      ({ sums, queries }) => sums.reduce((total, sum) => total + sum, 0) / sums.length / queries,
    );
  }

  private inOrder(): HeadSums[] {
    const layers = [...this.layers].sort(([a], [b]) => a - b);
    return layers.map(([, sums]) => sums).filter(({ queries }) => queries > 0);
  }
}
