/**
 * The calendar of inverted lists: at which points of its document a row renews its clusters, and from which keys. Pairs are
 * counted from the beginning of the document. This file never looks at a key.
 *
 * The clusters in use from one point to the next were built during the interval before. They were built only from keys that
 * stay in memory until the next point. So both the clusters in use and those being built follow from the pairs that a row
 * remembers now, and a restored memory continues exactly where it stopped. While a row fills, each point doubles its length.
 * Later the points are the multiples of a quarter of the memory's size.
 */

/** The clusters that are built for one point. */
export interface Renewal {
  /** They come into use before this pair. */
  readonly point: number;
  /** They are built from pairs [from, begin), while the row goes from `begin` to `point`. */
  readonly from: number;
  readonly begin: number;
  /** The most pairs that the row remembers while they are in use. */
  readonly held: number;
}

/**
 * The points of rows that remember up to `size` pairs. The first is at `least` pairs, or at half of `size` if that is less.
 * A row that can never hold `least` pairs has no points.
 */
export class Renewals {
  private readonly size: number;
  private readonly quarter: number;
  private readonly least: number;

  constructor(size: number, least: number) {
    this.size = size;
    this.quarter = Math.floor(size / 4);
    this.least = least > size || size < 4 ? Number.POSITIVE_INFINITY : Math.min(least, 2 * this.quarter);
  }

  /** The renewal whose clusters are in use while the row holds pairs [first, end); undefined while they are too few. */
  latest(first: number, end: number): Renewal | undefined {
    if (end - first < this.least) return undefined;
    return this.renewal(first, this.pointAt(first, end));
  }

  /** The renewal being built now, or undefined if none has started. */
  next(first: number, end: number): Renewal | undefined {
    if (this.latest(first, end) === undefined) return undefined;
    const next = this.renewal(first, this.pointAfter(first, end));
    return next.begin <= end ? next : undefined;
  }

  /** The first multiple of a quarter that is a point. Earlier ones would lack keys to build from. */
  private firstQuarter(first: number): number {
    return (Math.ceil(first / this.quarter) + 2) * this.quarter;
  }

  private pointAt(first: number, end: number): number {
    if (end >= this.firstQuarter(first)) return Math.floor(end / this.quarter) * this.quarter;
    return first + this.least * 2 ** (31 - Math.clz32((end - first) / this.least));
  }

  private pointAfter(first: number, end: number): number {
    if (end >= this.firstQuarter(first)) return (Math.floor(end / this.quarter) + 1) * this.quarter;
    return Math.min(this.firstQuarter(first), 2 * this.pointAt(first, end) - first);
  }

  private renewal(first: number, point: number): Renewal {
    const next = this.pointAfter(first, point);
    const from = Math.max(first, next - this.size);
    return { point, from, begin: this.beginOf(first, point), held: Math.min(this.size, next - first) };
  }

  /** The point before; for the very first point, the point itself. */
  private beginOf(first: number, point: number): number {
    if (point >= this.firstQuarter(first)) return point - this.quarter;
    return point === first + this.least ? point : (first + point) / 2;
  }
}
