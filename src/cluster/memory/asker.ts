/** What a reader needs of those who serve a memory, in calls that return with the answers: a forward pass cannot wait in any other way. */
import type { Manifest } from "./manifest.ts";

export interface Question {
  /** Where those who may answer listen. */
  readonly subject: string;
  readonly message: Uint8Array;
  /** The waiting ends when the `covers` in the headers of the answers have all of these. */
  readonly covers: readonly string[];
}

export interface Asker {
  /** The exchange as messages name it. */
  readonly name: string;
  /** Asks all at once. Returns the answers to each, also when the time is over and some are missing. */
  ask(questions: readonly Question[], milliseconds: number): readonly (readonly Uint8Array[])[];
  /** The manifest as it is now; undefined if the memory is not served any more. */
  manifest(): Manifest | undefined;
}
