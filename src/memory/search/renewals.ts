/**
 * When the clusters of a row's keys are renewed: at which points of its document, and from which keys. Pairs are counted from the
 * beginning of the document; nothing here looks at a key.
 *
 * Clusters that are in use from one point to the next are made of keys that are remembered until the next, and they are made
 * during the interval before. So what is in use, and what is being made, follows from which pairs a row remembers now: a
 * memory that was put back goes on exactly where it stopped. While a row fills, points double its length; from then on,
 * and of a full memory always, they lie at the multiples of a quarter of its size.
 */

/** Clusters made for one point. */
export interface Renewal {
  /** The pair before which they come into use. */
  readonly point: number;
  /** They are made of pairs [from, begin), after `begin` was reached and before `point` is. */
  readonly from: number;
  readonly begin: number;
  /** Pairs that are remembered at most while they are in use. */
  readonly held: number;
}

/**
 * The points of rows that remember up to `size` pairs. The first is at `least` pairs, or at half of `size` if that is less; there is
 * none if so many are never remembered.
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

  /** Whose clusters are in use when pairs [first, end) are remembered; undefined while they are too few. */
  latest(first: number, end: number): Renewal | undefined {
    if (end - first < this.least) return undefined;
    return this.renewal(first, this.pointAt(first, end));
  }

  /** Whose clusters are made meanwhile; undefined before their making begins. */
  next(first: number, end: number): Renewal | undefined {
    if (this.latest(first, end) === undefined) return undefined;
    const next = this.renewal(first, this.pointAfter(first, end));
    return next.begin <= end ? next : undefined;
  }

  /** The first multiple of a quarter that is a point: before it, clusters of a quarter would lack keys to be made of. */
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

  /** The point before, but for the very first, which has none. */
  private beginOf(first: number, point: number): number {
    if (point >= this.firstQuarter(first)) return point - this.quarter;
    return point === first + this.least ? point : (first + point) / 2;
  }
}
