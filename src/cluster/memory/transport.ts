/**
 * Questions and answers between a reader of a memory and the processes that serve it. A question goes to all that listen to its
 * subject, and each of them may answer once. Nothing is kept: what was lost is asked again.
 */

/** Answers a message; `undefined` is silence. */
export type Listener = (message: Uint8Array) => Uint8Array | undefined;

/** Subjects have the characters A-Z, a-z, 0-9, _ and -. A message has at most `MOST_BYTES` (exchange.ts). */
export interface Transport {
  /** Sends `message`, and passes every answer to `take` until that returns true, or the time is over. */
  ask(subject: string, message: Uint8Array, milliseconds: number, take: (answer: Uint8Array) => boolean): Promise<void>;
  /** Has `answer` called with every message on these subjects until the transport is closed. */
  listen(subjects: readonly string[], answer: Listener): Promise<void>;
  /** @throws what ended the listening, if something has */
  requireListening(): void;
  close(): Promise<void>;
}
