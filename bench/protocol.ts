/**
 * What the harness and the process of an implementation say to each other: one JSON object a line, a request on stdin,
 * its answer on stdout. Numbers travel as raw float32 files, so that Python and JavaScript read the same bytes.
 */

export type Request =
  | {
      readonly do: "prepare";
      readonly family: string;
      readonly op: string;
      readonly sizes: Readonly<Record<string, number>>;
      /** Paths of raw little-endian float32. */
      readonly inputs: readonly string[];
      /** Where the process writes its result, for comparison. */
      readonly output: string;
    }
  /** Runs the prepared task this often. */
  | { readonly do: "time"; readonly iterations: number }
  | { readonly do: "release" };

/** The first line that a process sends when it is ready for requests. */
export interface Greeting {
  readonly version: string;
}

export type Answer =
  /** To `prepare` and `release`; `supported` is false where the implementation has no such operation. */
  | { readonly supported: boolean; readonly fallbacks?: number }
  /** To `time`: mean milliseconds of one run. */
  | { readonly ms: number }
  | { readonly error: string };
