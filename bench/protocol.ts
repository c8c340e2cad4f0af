/**
 * The messages between the harness and the process of an implementation: one JSON object per line, a request on stdin,
 * its answer on stdout. Numbers travel as raw float32 files, so that Python and JavaScript read the same bytes.
 */

export type Request =
  | {
      readonly do: "prepare";
      readonly family: string;
      readonly op: string;
      readonly sizes: Readonly<Record<string, number>>;
      /** Paths of files of raw little-endian float32. */
      readonly inputs: readonly string[];
      /** Path to which the process writes its result, for comparison. */
      readonly output: string;
    }
  /** Runs the prepared task `iterations` times. */
  | { readonly do: "time"; readonly iterations: number }
  | { readonly do: "release" };

/** The first line that a process sends when it is ready for requests. */
export interface Greeting {
  readonly version: string;
}

export type Answer =
  /** Answers `prepare` and `release`; `supported` is false if the implementation lacks the operation. */
  | { readonly supported: boolean; readonly fallbacks?: number }
  /** Answers `time`: mean milliseconds of one run. */
  | { readonly ms: number }
  | { readonly error: string };
