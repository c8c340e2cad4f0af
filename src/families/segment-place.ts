/**
 * Where a state is in its documents: which tokens of its buffers make up the segment, the window before it, and what has left the window. All
 * rows advance together; documents begin row by row.
 */

/** Tokens of a row that have left the window: indices in the buffers, and the position of the first. */
export interface GoneRange {
  readonly row: number;
  readonly from: number;
  readonly to: number;
  readonly position: number;
}

/** Counts tokens; holds none. */
export class SegmentPlace {
  /** Index of the segment's first token in the buffers. */
  start = 0;
  /** Tokens read of the segment. */
  offset = 0;
  /** First token of each row's document in the buffers, [B]; below 0 if it has left them. */
  private readonly valid: Int32Array;
  /** Index after the last real token of each row; what follows is padding, [B]. */
  private readonly real: Int32Array;
  /** Index at which position 0 of each row is, or would be, [B]. */
  private readonly origin: Float64Array;
  /** Position after the last token that left the window, [B]. */
  private readonly gone: Float64Array;
  /** Tokens before this index have left the window. */
  private goneEnd = 0;
  private readonly window: number;

  /** `window`: W. */
  constructor(rows: number, window: number) {
    this.window = window;
    this.valid = new Int32Array(rows);
    this.real = new Int32Array(rows);
    this.origin = new Float64Array(rows);
    this.gone = new Float64Array(rows);
  }

  /** Index of the next token. */
  get next(): number {
    return this.start + this.offset;
  }

  /** First token that each row's queries see, [B]. */
  get first(): Int32Array {
    return this.valid.map((valid) => Math.max(valid, this.start - this.window));
  }

  /** Position of the segment's first token in each row's document, [B]. */
  get begins(): number[] {
    return Array.from(this.origin, (origin) => this.start - origin);
  }

  /** Whether some row's document began before its window. */
  get isCut(): boolean {
    return this.valid.some((valid) => valid < this.start - this.window);
  }

  /** How many of the newest gone tokens are at most `reach` before the segment, without the first `sinks`, [B]. */
  nearby(reach: number, sinks: number): Int32Array {
    return Int32Array.from(this.begins, (begin, row) => Math.max(0, this.gone[row] - Math.max(begin - reach, sinks)));
  }

  /** Notes `count` tokens of every row, of which the first lengths[b] are real; default: all. */
  advance(count: number, lengths?: ArrayLike<number>): void {
    for (const row of this.real.keys()) this.real[row] = this.next + (lengths?.[row] ?? count);
    this.offset += count;
  }

  /** Goes on to the next segment; its first token follows the last one's. */
  nextSegment(): void {
    this.start += this.offset;
    this.offset = 0;
  }

  /** A document begins in `row`, here. */
  beginDocument(row: number): void {
    this.valid[row] = this.start;
    this.origin[row] = this.start;
    this.gone[row] = 0;
  }

  /** The tokens before index `end` that have left the window since the last call. */
  leave(end = this.start - this.window): GoneRange[] {
    const ranges: GoneRange[] = [];
    for (const [row, valid] of this.valid.entries()) {
      const from = Math.max(this.goneEnd, valid);
      const to = Math.min(end, this.real[row]);
      if (from >= to) continue;
      ranges.push({ row, from, to, position: from - this.origin[row] });
      this.gone[row] = to - this.origin[row];
    }
    this.goneEnd = Math.max(this.goneEnd, end);
    return ranges;
  }

  /** The buffers' tokens moved by `distance` to the front. */
  shift(distance: number): void {
    this.start -= distance;
    this.goneEnd = Math.max(0, this.goneEnd - distance);
    for (const row of this.valid.keys()) {
      this.valid[row] -= distance;
      this.real[row] -= distance;
      this.origin[row] -= distance;
    }
  }

  /**
   * Where it is, in whole numbers from 0 on: three of the buffers, then four of each row. Indices that may lie before the buffers
   * are counted back from the segment.
   */
  save(): number[] {
    const { start, offset, next, goneEnd } = this;
    const rows = Array.from(this.valid, (valid, row) => {
      return [start - valid, next - this.real[row], start - this.origin[row], this.gone[row]];
    });
    return [start, offset, goneEnd, ...rows.flat()];
  }

  /** Returns to where `save` was called. */
  load([start, offset, goneEnd, ...rows]: readonly number[]): void {
    [this.start, this.offset, this.goneEnd] = [start, offset, goneEnd];
    for (const row of this.valid.keys()) {
      const [seen, padding, read, gone] = rows.slice(4 * row, 4 * row + 4);
      this.valid[row] = start - seen;
      this.real[row] = this.next - padding;
      this.origin[row] = start - read;
      this.gone[row] = gone;
    }
  }

  /** Empties the buffers; positions begin at 0 again. */
  clear(): void {
    this.shift(this.next);
    [this.start, this.offset, this.goneEnd] = [0, 0, 0];
    for (const row of this.valid.keys()) this.beginDocument(row);
  }
}
