/** Cuts a saved memory into segments of pairs that follow each other, oldest first. */

import type { StoredNumbers } from "../../wasm/half.ts";
import { headCount } from "../chosen-heads.ts";
import type { MemorySnapshot } from "../snapshot.ts";
import type { SourceTable } from "../source-table.ts";
import { joinSources, newestSources } from "../sources.ts";

/** Pairs of a segment where nothing else is said. */
export const SEGMENT_PAIRS = 65_536;

/** Yields snapshots of `most` pairs each, of which the last may have fewer. An empty memory has none. */
export function* segmentsOf(snapshot: MemorySnapshot, most: number): Generator<MemorySnapshot> {
  for (let from = 0; from < snapshot.length; from += most)
    yield cut(snapshot, from, Math.min(from + most, snapshot.length));
}

/** Pairs [from, to) of a memory, as a memory that has just these. */
function cut(snapshot: MemorySnapshot, from: number, to: number): MemorySnapshot {
  const { heads, width, length, layers, chosen, sources } = snapshot;
  const pairs = to - from;
  const cutLayers = [...layers].map(([layer, { keys, values }]) => {
    const count = headCount(heads, chosen, layer);
    const part = (numbers: StoredNumbers) => cutHeads(numbers, count, length * width, from * width, to * width);
    return [layer, { keys: part(keys), values: part(values) }] as const;
  });
  const cutSources = sources && sourcesBetween(sources, from, to);
  return { ...snapshot, size: pairs, length: pairs, appended: pairs, layers: new Map(cutLayers), sources: cutSources };
}

/** Numbers [from, to) of each head: [H, numbers] → [H, to − from]. */
function cutHeads(given: StoredNumbers, heads: number, numbers: number, from: number, to: number): StoredNumbers {
  const part =
    given instanceof Uint16Array ? new Uint16Array(heads * (to - from)) : new Float32Array(heads * (to - from));
  for (let head = 0; head < heads; head++) {
    part.set(given.subarray(head * numbers + from, head * numbers + to), head * (to - from));
  }
  return part;
}

/** Sources [from, to), with their documents only. */
export function sourcesBetween({ documents, columns }: SourceTable, from: number, to: number): SourceTable {
  const upTo = (column: Int32Array) => column.subarray(0, to);
  const { document, index, token, begin, end } = columns;
  const older = {
    document: upTo(document),
    index: upTo(index),
    token: upTo(token),
    begin: upTo(begin),
    end: upTo(end),
  };
  const count = to === 0 ? 0 : document[to - 1] + 1;
  return newestSources({ documents: documents.slice(0, count), columns: older }, to - from);
}

/** Joins sources that `sourcesBetween` may have cut in the middle of a document: there, numbers of tokens go on under the same name. */
export function rejoinSources(older: SourceTable, newer: SourceTable): SourceTable {
  const joined = joinSources(older, newer);
  const goesOn = newer.columns.index[0] > (older.columns.index.at(-1) ?? Infinity);
  if (!goesOn || newer.documents[0] !== older.documents.at(-1)) return joined;
  const split = older.columns.document.length;
  for (let n = split; n < joined.columns.document.length; n++) joined.columns.document[n]--;
  return { ...joined, documents: [...older.documents, ...newer.documents.slice(1)] };
}
