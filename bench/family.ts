/**
 * The words of the benchmark house: a family asks one question of one kind of kernel, a case is one shape of it, an
 * implementation solves cases in a process of its own. Types only; harness.ts says what is done with them.
 */

/** Numbers that come in, by a name of the case's choosing; made once, in the parent, the same for every implementation. */
export type Input = () => Float32Array;

export interface Case {
  /** What is computed, by the name that every implementation knows it by. */
  readonly op: string;
  /** How tables and JSON call this case. Unique within the family. */
  readonly shape: string;
  readonly sizes: Readonly<Record<string, number>>;
  readonly inputs: readonly Input[];
  /** The work of one run, in `unit` without its "per second": floating-point operations, bytes, queries, tokens. */
  readonly amount: number;
  readonly unit: "GFLOP/s" | "GB/s" | "queries/s" | "keys/s" | "tokens/s";
  /** Largest difference from our result, relative to its largest magnitude, that still counts as the same answer. */
  readonly tolerance?: number;
  /** For searches instead of a tolerance: the output is indices, this many a query, and recall is measured against ours. */
  readonly neighbours?: number;
  /** Left out of quick runs. */
  readonly slow?: boolean;
  /** Implementations that take part, when not all of the family do. */
  readonly only?: readonly string[];
}

export interface Family {
  readonly name: string;
  readonly question: string;
  readonly cases: readonly Case[];
  /** Our implementations by name; the first is the reference that the others are compared with. */
  readonly ours: Readonly<Record<string, Implementation>>;
  /** Names in peers/registry.ts. */
  readonly peers: readonly string[];
}

/** A case as an implementation's process sees it. */
export interface Problem {
  readonly family: string;
  readonly op: string;
  readonly sizes: Readonly<Record<string, number>>;
  readonly inputs: readonly Float32Array[];
  readonly threads: number;
}

/** A problem made ready: inputs in place, nothing left to do but the work that is timed. */
export interface Task {
  run(): unknown;
  /** Whether `run` returns a promise to wait for. */
  readonly asynchronous?: boolean;
  /** The result of the latest run; runs once at least before. Indices are given as floats, exact up to 2²⁴. */
  output(): Float32Array | Promise<Float32Array>;
  /** Searches that prove their answers: the share of queries for which that failed, and all was computed the long way. */
  fallbacks?(): number | undefined;
  release?(): void;
}

/** Makes a problem ready, or returns undefined if it has no such operation. */
export type Implementation = (problem: Problem) => Task | undefined | Promise<Task | undefined>;
