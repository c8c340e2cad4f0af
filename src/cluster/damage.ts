/**
 * What an exchange holds is not what this program put there: somebody else wrote it, or a disk lost it. Whoever reads it can have it put,
 * or computed, again; so damage is an answer, and ends no worker.
 */
import { InputError } from "../base/errors.ts";
import { parseJson } from "../formats/json.ts";

export class DamageError extends InputError {}

/** The value of a text of JSON, such as what a block holds. @throws DamageError that begins with `what` if it is not JSON */
export function jsonIn(bytes: Uint8Array, what: string): unknown {
  try {
    return parseJson(new TextDecoder().decode(bytes), `${what} is not JSON`);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new DamageError(error.message);
  }
}

/** What `work` resolves to, or the damage that ended it. Rejects with any other error. */
export async function orDamage<T>(work: Promise<T>): Promise<T | DamageError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof DamageError) return error;
    throw error;
  }
}

/** Whether a value is a count, as this program writes them. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** A text of any origin, cut where a table or a log would suffer. */
export function shortText(value: unknown, most: number): string {
  const text = String(value);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
