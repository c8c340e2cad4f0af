/** What exchange.ts measures, as results/exchange.json keeps it. */

export interface ExchangeRow {
  readonly bytes: number;
  /** Seconds of each round, to put a file that is not there and to get it over another connection. */
  readonly put: readonly number[];
  readonly get: readonly number[];
}

/** A way to the exchange. */
export interface ExchangePlace {
  readonly name: string;
  /** Seconds there and back, measured. */
  readonly roundTrip: number;
  /** The link's bandwidth as it was set; null: none was. */
  readonly megabits: number | null;
  readonly rows: readonly ExchangeRow[];
}

export interface ExchangeReport {
  readonly date: string;
  readonly machine: string;
  /** By what latency and bandwidth were set: `tc netem`, or a relay. */
  readonly link: string;
  /** The first has no distance. */
  readonly places: readonly ExchangePlace[];
}

/** Seconds of the round that was disturbed least. */
export function fastestOf(seconds: readonly number[]): number {
  return Math.min(...seconds);
}
