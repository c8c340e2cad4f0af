/** Names of blocks: SHA-256 in hexadecimal digits, which say what the bytes are and are checked on arrival. */
import { createHash } from "node:crypto";
import { InputError } from "../base/errors.ts";
import { MOST_BYTES } from "./exchange.ts";

/** SHA-256 of the bytes, in 64 hexadecimal digits. */
export function nameOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function isBlockName(text: unknown): text is string {
  return typeof text === "string" && /^[0-9a-f]{64}$/.test(text);
}

/** The bytes, if they are what `name` says. `exchange` is for the message. */
export function verified(bytes: Uint8Array | undefined, name: string, exchange: string): Uint8Array {
  if (bytes === undefined) throw new InputError(`${exchange} has no block ${name}; put the files there again`);
  if (bytes.length <= MOST_BYTES && nameOf(bytes) === name) return bytes;
  throw new InputError(`the block ${name} of ${exchange} is damaged: its bytes have another SHA-256`);
}

/** Refuses a block or a record that no message may carry. */
export function requireSmall(bytes: Uint8Array, what: string): void {
  if (bytes.length <= MOST_BYTES) return;
  throw new InputError(`${what} has ${bytes.length} bytes, and a message may have ${MOST_BYTES}`);
}
