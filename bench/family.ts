/**
 * Types of the benchmarks. A family asks one question about one kind of kernel, a case is one shape of it, and an
 * implementation solves cases in its own process. harness.ts uses them.
 */

/** What a machine has to do at least, one after the other. */
export interface Work {
  /** Bytes to read from memory. */
  readonly bytes?: number;
  /** Multiplications and additions of floats. */
  readonly floats?: number;
  /** Multiplications and additions of whole numbers of 8 bits. */
  readonly integers?: number;
}

/** Makes an input of a case: once, in the parent process, and the same for every implementation. */
export type Input = () => Float32Array;

export interface Case {
  /** Name of the computation, which every implementation knows. */
  readonly op: string;
  /** Name of this case in tables and JSON. Unique within the family. */
  readonly shape: string;
  readonly sizes: Readonly<Record<string, number>>;
  readonly inputs: readonly Input[];
  /** The work of one run, in `unit` without its "per second": floating-point operations, bytes, queries, tokens, starts. */
  readonly amount: number;
  /** The work of implementations whose inputs take other numbers of bytes. */
  readonly amounts?: Readonly<Record<string, number>>;
  /** What a run of each implementation takes at least, for the share of the machine's limit. Default: `amount`, in its unit. */
  readonly works?: Readonly<Record<string, Work>>;
  readonly unit: "GFLOP/s" | "GB/s" | "queries/s" | "keys/s" | "tokens/s" | "starts/s";
  /** Largest difference from our result, relative to its largest magnitude, that still counts as the same answer. */
  readonly tolerance?: number;
  /** For searches, instead of a tolerance: the output has this many indices per query, and recall is measured against ours. */
  readonly neighbours?: number;
  /** Whether quick runs skip it. */
  readonly slow?: boolean;
  /** Implementations that take part. Default: all of the family. */
  readonly only?: readonly string[];
}

export interface Family {
  readonly name: string;
  readonly question: string;
  /** Whether its cases need the model file (see peers/model-file.ts). Their list may only be asked for when it is there. */
  readonly usesModel?: boolean;
  readonly cases: readonly Case[];
  /** Our implementations by name; the first is the reference that the others are compared with. */
  readonly ours: Readonly<Record<string, Implementation>>;
  /** Names in peers/registry.ts. */
  readonly peers: readonly string[];
}

/** A case, as an implementation's process receives it. */
export interface Problem {
  readonly family: string;
  readonly op: string;
  readonly sizes: Readonly<Record<string, number>>;
  readonly inputs: readonly Float32Array[];
  readonly threads: number;
}

/** A prepared problem: inputs are in place, and only the timed work remains. */
export interface Task {
  run(): unknown;
  /** Whether `run` returns a promise to wait for. */
  readonly asynchronous?: boolean;
  /** Returns the result of the latest run; `run` has run at least once. Indices are floats, exact up to 2²⁴. */
  output(): Float32Array | Promise<Float32Array>;
  /** For searches that prove their answers: the share of queries whose proof failed, so that all was computed in full. */
  fallbacks?(): number | undefined;
  release?(): void;
}

/** Prepares a problem, or returns undefined if it lacks the operation. */
export type Implementation = (problem: Problem) => Task | undefined | Promise<Task | undefined>;
