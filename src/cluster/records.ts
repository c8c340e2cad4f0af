/**
 * Records of an exchange as JSON, and changing one that others change as well. Anybody may have written a record, so each is read by a
 * `Reading`, which says what it must be. A damaged one is set aside, where people find it, and counts as not there.
 */
import { InputError } from "../base/errors.ts";
import { DamageError, jsonIn, orDamage } from "./damage.ts";
import { type Entry, type Exchange, MOST_BYTES } from "./exchange.ts";

/** A record's content; what it is must be checked, since anybody may have written it. */
export type Content = Readonly<Record<string, unknown>>;

/** Makes of a record's content what it is to be; undefined if the content is not what this program writes. */
export type Reading<T> = (content: Content) => T | undefined;

/** The map of what was set aside. */
export const ASIDE = "aside";

/** A record that others replace so often before it is replaced here is not a record of this program. */
const MOST_TRIES = 1000;

/** The key of what tells two equal changes of a record apart, which readings pass over. */
const CHANGE = "change";

const encoder = new TextEncoder();

/** A record as it is found: its content, or the sentence on its damage, or neither. */
export interface Found<T> {
  readonly entry?: Entry;
  readonly content?: T;
  readonly damage?: string;
}

/** Looks at a record, and changes nothing. */
export async function lookAt<T>(exchange: Exchange, map: string, key: string, reading: Reading<T>): Promise<Found<T>> {
  const entry = await exchange.read(map, key);
  if (entry === undefined || entry.value.length === 0) return { entry };
  const content = await orDamage(contentOf(entry.value, reading, `the record ${map}/${key} of ${exchange.name}`));
  return content instanceof DamageError ? { entry, damage: content.message } : { entry, content };
}

async function contentOf<T>(value: Uint8Array, reading: Reading<T>, what: string): Promise<T | undefined> {
  const json = jsonIn(value, what);
  if (json === null) return undefined; // emptied
  const content = isObject(json) ? reading(json) : undefined;
  if (content === undefined) throw new DamageError(`${what} is not one that this program wrote`);
  return content;
}

/** The record; undefined if there is none, or it was emptied. @throws InputError if it is not an object in JSON */
export async function readRecord(exchange: Exchange, map: string, key: string): Promise<Content | undefined> {
  const { content, damage } = await lookAt(exchange, map, key, (found) => found);
  if (damage !== undefined) throw new InputError(damage);
  return content;
}

/** The record as `reading` makes it; undefined if there is none, or it was emptied, or is damaged: then it is set aside. */
export async function soundRecord<T>(
  exchange: Exchange,
  map: string,
  key: string,
  reading: Reading<T>,
): Promise<T | undefined> {
  return (await soundFound(exchange, map, key, reading)).content;
}

/** The same, with the state of the record that was read. */
export async function soundFound<T>(
  exchange: Exchange,
  map: string,
  key: string,
  reading: Reading<T>,
): Promise<Found<T>> {
  const found = await lookAt(exchange, map, key, reading);
  if (found.damage !== undefined) await setAside(exchange, map, key, found.damage, found.entry!);
  return found;
}

/** Replaces the record, whatever it was. `undefined` empties it. */
export async function replaceRecord(exchange: Exchange, map: string, key: string, content?: object): Promise<void> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const revision = (await exchange.read(map, key))?.revision ?? 0;
    if ((await exchange.write(map, key, bytesOf(content), revision)) !== undefined) return;
  }
  throw changedTooOften(map, key);
}

/**
 * Replaces the record by what `change` makes of it, however many do so at once. `undefined` empties it, and what `change` was given stays
 * as it is. A damaged record is set aside and counts as not there. A write whose answer was lost is found again, so no change is made twice.
 */
export async function changeRecord<T extends object>(
  exchange: Exchange,
  map: string,
  key: string,
  change: (content: T | undefined) => T | undefined,
  reading: Reading<T>,
): Promise<T | undefined> {
  let [sent, meant]: [Uint8Array?, T?] = [];
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const found = await lookAt(exchange, map, key, reading);
    if (areEqual(sent, found.entry?.value)) return meant;
    if (found.damage !== undefined) {
      await setAside(exchange, map, key, found.damage, found.entry!);
      continue;
    }
    const content = change(found.content);
    if (content === found.content) return content;
    [sent, meant] = [bytesOf(content && { ...content, [CHANGE]: crypto.randomUUID() }), content];
    if ((await exchange.write(map, key, sent, found.entry?.revision ?? 0)) !== undefined) return content;
  }
  throw changedTooOften(map, key);
}

/**
 * Empties a record that does no good, keeps its bytes and the reason under `ASIDE`, and tells whoever reads the log. Resolves to false if
 * somebody has replaced this state of it before.
 */
export async function setAside(
  exchange: Exchange,
  map: string,
  key: string,
  reason: string,
  entry: Entry,
): Promise<boolean> {
  const block = await exchange.put(entry.value.subarray(0, MOST_BYTES));
  await replaceRecord(exchange, ASIDE, `${map}-${key}`, { record: `${map}/${key}`, reason, block, at: Date.now() });
  const isEmptied = (await exchange.write(map, key, bytesOf(undefined), entry.revision)) !== undefined;
  if (isEmptied) exchange.warn?.(`${reason}; it was set aside`);
  return isEmptied;
}

function bytesOf(content: object | undefined): Uint8Array {
  return encoder.encode(JSON.stringify(content ?? null));
}

function areEqual(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function isObject(value: unknown): value is Content {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function changedTooOften(map: string, key: string): InputError {
  return new InputError(`the record ${map}/${key} is changed by others all the time`);
}

/** A record, and when it was written. */
export interface Seen<T> {
  readonly key: string;
  readonly content: T;
  readonly changedAt: number;
}

/** The records of a map; what is wrong with others goes to `damage`. */
export async function contents<T>(
  exchange: Exchange,
  map: string,
  reading: Reading<T>,
  damage: string[],
): Promise<Seen<T>[]> {
  const records: Seen<T>[] = [];
  for (const key of await exchange.keys(map)) {
    const found = await lookAt(exchange, map, key, reading);
    if (found.damage !== undefined) damage.push(found.damage);
    if (found.content === undefined || found.entry === undefined) continue;
    records.push({ key, content: found.content, changedAt: found.entry.changedAt });
  }
  return records;
}
