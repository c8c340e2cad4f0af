/** Names of blocks: SHA-256 in hexadecimal digits, which say what the bytes are and are checked on arrival. */
import { createHash } from "node:crypto";
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import { DamageError } from "./damage.ts";
import { MOST_BYTES } from "./exchange.ts";

/** SHA-256 of the bytes, in 64 hexadecimal digits. */
export function nameOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function isBlockName(text: unknown): text is string {
  return typeof text === "string" && /^[0-9a-f]{64}$/.test(text);
}

/** Refuses what would lead elsewhere than to a block. @throws DamageError */
export function requireBlockName(name: string, exchange: string): void {
  if (!isBlockName(name)) throw new DamageError(`${exchange} was asked for ${show(name)}, which is not a block's name`);
}

/** Whether the bytes are what `name` says. */
export function isIntact(bytes: Uint8Array, name: string): boolean {
  return bytes.length <= MOST_BYTES && nameOf(bytes) === name;
}

export function missingBlock(name: string, exchange: string): DamageError {
  return new DamageError(`${exchange} has no block ${name}; put the files there again`);
}

export function damagedBlock(name: string, exchange: string): DamageError {
  const reason = "its bytes have another SHA-256";
  return new DamageError(`the block ${name} of ${exchange} is damaged: ${reason}; put the files there again`);
}

/** Refuses a block or a record that no message may carry. */
export function requireSmall(bytes: Uint8Array, what: string): void {
  if (bytes.length <= MOST_BYTES) return;
  throw new InputError(`${what} has ${bytes.length} bytes, and a message may have ${MOST_BYTES}`);
}
