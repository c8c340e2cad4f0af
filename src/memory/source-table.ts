/** The sources of many remembered tokens in columns, and the check that a file can keep them. */
import { aName, checkOptions, instance, type Kinds, listOf, someObject } from "../base/check.ts";
import { InputError } from "../base/errors.ts";

/** The source of one remembered token. */
export interface Source {
  /** Number of the document; `documents[document]` is its name. */
  readonly document: number;
  /** Place of the token in its document, from 0. */
  readonly index: number;
  /** Id of the token. */
  readonly token: number;
  /** First byte of the token's text in the text that the document's tokens spell: a tokenizer's own signs and first space count. */
  readonly begin: number;
  /** The byte after the token's text. */
  readonly end: number;
}

/** Many sources, [n] each, oldest first. Documents come in the order in which they were read. */
export interface SourceTable {
  /** Names of the documents. */
  readonly documents: readonly string[];
  /** The fields of all sources, each as a column. */
  readonly columns: Readonly<Record<keyof Source, Int32Array>>;
}

export const sourceFields = ["document", "index", "token", "begin", "end"] as const satisfies (keyof Source)[];

const column = instance(Int32Array, "an Int32Array");
const columnKinds: Kinds<SourceTable["columns"]> = {
  document: column,
  index: column,
  token: column,
  begin: column,
  end: column,
};
const sourcesKinds: Kinds<SourceTable> = { documents: listOf(aName), columns: someObject };

/** @throws InputError if `sources` are not the sources of `length` pairs, in order */
export function requireSources(sources: SourceTable, length: number): void {
  checkOptions("sources", sources, sourcesKinds);
  const { documents, columns } = sources;
  checkOptions("columns of the sources", columns, columnKinds);
  for (const field of sourceFields) {
    const numbers = columns[field];
    if (numbers.length !== length) {
      throw new InputError(
        `${field} of the sources: got ${numbers.length} numbers; there must be one for each of ${length} pairs`,
      );
    }
    const most = field === "document" ? documents.length - 1 : 2 ** 31 - 1;
    const outside = numbers.find((number) => number < 0 || number > most);
    if (outside !== undefined)
      throw new InputError(`${field} of the sources: got ${outside}; it must be from 0 to ${most}`);
  }
  requireOrder(columns, "sources");
}

/** @throws InputError if documents do not come one after the other, or a token's text ends before it begins */
export function requireOrder({ document, begin, end }: SourceTable["columns"], name: string): void {
  const place = document.findIndex((number, n) => number < (document[n - 1] ?? 0) || end[n] < begin[n]);
  if (place >= 0) throw new InputError(`${name}: the source of pair ${place} cannot come after the one before it`);
}
