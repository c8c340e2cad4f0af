/**
 * Rotary angles of the segment that a state reads. Positions count from the beginning of a document, however long it is, so the
 * tables hold the segment's positions and two constant distances, and are made again for each segment.
 */
import { RotaryTable, rotate } from "../autodiff/ops/rotary.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import { Lifetime, type Releasable } from "../base/lifetime.ts";
import type { RotaryPositions } from "./architecture.ts";

/** The sizes of a segment, and the two distances. */
export interface AngleOptions {
  /** B. */
  readonly rows: number;
  /** T. */
  readonly segment: number;
  /** R, where pairs that are farther away appear. */
  readonly reach: number;
  /** Where sinks appear. */
  readonly sinkDistance: number;
  /** D. */
  readonly headWidth: number;
}

/** Rotations of one segment after the other. */
export class SegmentAngles implements Releasable {
  private readonly positions: RotaryPositions;
  private readonly options: AngleOptions;
  /** By frequencies, of which a model has one or two sets. Rows: B·T positions, T times R, T times the distance of sinks. */
  private tables = new Map<Float64Array, RotaryTable>();
  /** The first token's position in each row, as of the tables. */
  private begins: readonly number[] = [];
  private readonly life = new Lifetime("these angles");

  constructor(positions: RotaryPositions, options: AngleOptions) {
    this.positions = positions;
    this.options = options;
  }

  /** Turns to the segment whose first token is at position begins[b] in row b. */
  begin(begins: readonly number[]): void {
    if (begins.join() === this.begins.join()) return;
    const { segment, reach, sinkDistance } = this.options;
    const run = (length: number, at: (i: number) => number) => Array.from({ length }, (_, i) => at(i));
    const positions = [
      ...begins.flatMap((begin) => run(segment, (i) => begin + i)),
      ...run(segment, () => reach),
      ...run(segment, () => sinkDistance),
    ];
    this.releaseTables();
    for (const frequencies of new Set(this.positions.frequencies)) {
      this.tables.set(frequencies, new RotaryTable(frequencies, positions));
    }
    this.begins = begins;
  }

  /** x [B, n, H·D] of the segment's tokens from `offset` on, each turned by its own position. */
  here(x: Tensor, layer: number, offset: number): Tensor {
    const { rows, segment } = this.options;
    return this.turn(
      x,
      layer,
      Int32Array.from({ length: rows }, (_, row) => row * segment + offset),
    );
  }

  /** x turned by R, wherever the tokens are. */
  reach(x: Tensor, layer: number): Tensor {
    const { rows, segment } = this.options;
    return this.turn(x, layer, new Int32Array(rows).fill(rows * segment));
  }

  /** x turned by the distance of sinks. */
  sink(x: Tensor, layer: number): Tensor {
    const { rows, segment } = this.options;
    return this.turn(x, layer, new Int32Array(rows).fill((rows + 1) * segment));
  }

  private turn(x: Tensor, layer: number, positions: Int32Array): Tensor {
    this.life.require();
    const table = this.tables.get(this.positions.frequencies[layer]) as RotaryTable;
    return rotate(x, this.options.headWidth, table, positions);
  }

  private releaseTables(): void {
    for (const table of this.tables.values()) table.release();
    this.tables = new Map();
  }

  /** Frees the tables. */
  release(): void {
    this.life.end(() => this.releaseTables());
  }
}
