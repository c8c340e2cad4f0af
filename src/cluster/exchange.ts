/**
 * What machines that work together share: blocks of bytes, small records, and a queue of jobs. Everything above, such as files,
 * results and sweeps, is made of these three, so an implementation is small: a directory (directory-exchange.ts), or NATS
 * (nats-exchange.ts). One test suite holds for both.
 */

/** Most bytes of a block or a record. Servers refuse larger messages, or run out of memory. */
export const MOST_BYTES = 512 * 1024;

/** Milliseconds that a job stays with a worker that does not renew its lease. */
export const LEASE = 30_000;

const KEY = /^[A-Za-z0-9_-]{1,128}$/;

/** Whether a text can be the key of a record or the name of a job; others that somebody put there are not listed. */
export function isKey(text: string): boolean {
  return KEY.test(text);
}

/** A record, and how to replace exactly this state of it. */
export interface Entry {
  readonly value: Uint8Array;
  /** Grows with every write; 0 is what does not exist. */
  readonly revision: number;
  /** Milliseconds since 1970, by the clock of the exchange. */
  readonly changedAt: number;
}

/** A job that was handed to this worker, and to no other as long as its lease is renewed. */
export interface Delivery {
  readonly job: string;
  /** Keeps the job for another `LEASE`. Resolves to false if it is known to be somebody else's by now. */
  renew(): Promise<boolean>;
  /** The job is done, and is not delivered again. */
  acknowledge(): Promise<void>;
  /** Lets others have the job, at once. */
  giveBack(): Promise<void>;
}

/**
 * Names of maps and queues are lower-case words, names of records and jobs have at most 128 of the characters A-Z, a-z, 0-9, _ and -. Every method rejects with an
 * InputError if the exchange cannot be reached for long.
 */
export interface Exchange {
  /** The exchange as messages name it, without a password. */
  readonly name: string;
  /** Told, in one sentence each, of what was wrong in the exchange and was set right. */
  readonly warn?: (sentence: string) => void;
  /** Keeps at most `MOST_BYTES` and resolves to their name, the SHA-256 of the bytes. What is there is not sent again. */
  put(block: Uint8Array): Promise<string>;
  /** The bytes of that name, which were checked to be those; rejects with a DamageError if they are missing or damaged. */
  get(name: string): Promise<Uint8Array>;
  /** The record; undefined if there is none. */
  read(map: string, key: string): Promise<Entry | undefined>;
  /** Writes the record if its revision still is that one; resolves to the new one, or to undefined if somebody was first. */
  write(map: string, key: string, value: Uint8Array, revision: number): Promise<number | undefined>;
  /** Keys of all records of a map, sorted. */
  keys(map: string): Promise<readonly string[]>;
  /** Puts a job into a queue, unless it is there. */
  offer(queue: string, job: string): Promise<void>;
  /** The next job that nobody has; waits up to `milliseconds` for one. */
  take(queue: string, milliseconds: number): Promise<Delivery | undefined>;
  /** Ends the connection. Jobs that were not acknowledged go to others when their lease is over. */
  close(): Promise<void>;
}
