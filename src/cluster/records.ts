/** Records of an exchange as JSON, and changing one that others change as well. */
import { parseJson } from "../formats/json.ts";
import type { Exchange } from "./exchange.ts";

/** A record's content; what it is must be checked, since anybody may have written it. */
export type Content = Readonly<Record<string, unknown>>;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The record; undefined if there is none, or it was emptied. */
export async function readRecord(exchange: Exchange, map: string, key: string): Promise<Content | undefined> {
  return contentOf((await exchange.read(map, key))?.value, `${map}/${key} of ${exchange.name}`);
}

/** Writes the record if there is none; resolves to whether it did. */
export async function createRecord(exchange: Exchange, map: string, key: string, content: Content): Promise<boolean> {
  return (await exchange.write(map, key, encoder.encode(JSON.stringify(content)), 0)) !== undefined;
}

/** Replaces the record by what `change` makes of it, however many do so at once. `undefined` empties it. */
export async function changeRecord(
  exchange: Exchange,
  map: string,
  key: string,
  change: (content: Content | undefined) => Content | undefined,
): Promise<Content | undefined> {
  for (;;) {
    const entry = await exchange.read(map, key);
    const content = change(contentOf(entry?.value, `${map}/${key} of ${exchange.name}`));
    const value = encoder.encode(JSON.stringify(content ?? null));
    if ((await exchange.write(map, key, value, entry?.revision ?? 0)) !== undefined) return content;
  }
}

function contentOf(value: Uint8Array | undefined, what: string): Content | undefined {
  if (value === undefined) return undefined;
  const content = parseJson(decoder.decode(value), `the record ${what} is not JSON`);
  return content === null ? undefined : Object(content);
}
