/**
 * The sources of remembered pairs: for every slot the token, its document, its place in it, and the bytes of its text.
 *
 * All layers and heads remember in lockstep, so one log for each row serves all memories of a state. The log is a ring with
 * the same slots and five integers in each. It is written as tokens are read. That is a little ahead of the memories, which
 * get them when their segment is complete. The slack segment keeps the log from overwriting what a memory can still return.
 * The log never sees text.
 */
import { aFlag, aName, check, tokenIds, whole, withMethods } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { pairInSlot } from "./ring.ts";
import { requireSources, type Source, type SourceTable, sourceFields } from "./source-table.ts";

/** The part of a tokenizer that a log needs. */
export interface TokenBytes {
  /** Bytes of a token's text. */
  byteLength(id: number): number;
  /** Of the tokens that a text begins with, the bytes that are none of the text's own. Default: none. */
  bytesBefore?(ids: Int32Array): number;
}

const aCapacity = whole(1, 2 ** 26);
const tokenBytes = withMethods("a tokenizer", "byteLength");

/** Keeps the source of each pair of a memory, in a ring like the memory's. */
export class SourceLog {
  /** Slots, the same number as in a row of the memory. Token n, counted like the memory's pairs, is in slot n mod capacity. */
  readonly capacity: number;
  private readonly tokenizer: TokenBytes;
  private readonly columns: Record<keyof Source, Int32Array>; // [capacity] each
  private names: string[] = [];
  private written = 0;
  /** Number of the first known token; above 0 only in a restored log. */
  private first = 0;
  /** Whether the next token belongs to the last of the documents. */
  private open = false;
  private nextIndex = 0;
  /** Below 0 in the bytes that a tokenizer puts before a text. */
  private nextByte = 0;
  /** Whether the document goes on with a text, so that nothing is put before it. */
  private continues = false;

  /** Makes an empty log. */
  constructor(capacity: number, tokenizer: TokenBytes) {
    check("capacity", capacity, aCapacity);
    check("tokenizer", tokenizer, tokenBytes);
    this.capacity = capacity;
    this.tokenizer = tokenizer;
    this.columns = columnsOf(capacity);
  }

  /** Tokens that were read. Once the document has ended, the memories have the same number of pairs. */
  get appended(): number {
    return this.written;
  }

  /** Names of the documents, by number. */
  get documents(): readonly string[] {
    return this.names;
  }

  /** Begins a document called `name`, or one that continues a text. The name must be well-formed text, so that a file can keep it. */
  openDocument(name: string, continues = false): void {
    check("name", name, aName);
    check("continues", continues, aFlag);
    this.closeDocument();
    this.names.push(name);
    this.continues = continues;
    this.open = true;
    this.nextIndex = 0;
    this.nextByte = 0;
  }

  /** Ends the document; one of which nothing was read leaves no name. If no other is opened, the next token begins one without a name. */
  closeDocument(): void {
    if (this.open && this.nextIndex === 0) this.names.pop();
    this.open = false;
  }

  /** Forgets everything. */
  reset(): void {
    this.names = [];
    this.written = 0;
    this.first = 0;
    this.open = false;
  }

  /** Bytes of the next tokens; begins a document if none is open. Refuses unknown tokens before anything is noted. */
  private lengthsOf(ids: Int32Array): number[] {
    const lengths = Array.from(ids, (id) => this.tokenizer.byteLength(id));
    if (!this.open) this.openDocument("");
    if (this.nextIndex === 0 && !this.continues) this.nextByte = -(this.tokenizer.bytesBefore?.(ids) ?? 0);
    return lengths;
  }

  /** Passes over the next tokens of the document, which no memory keeps. */
  pass(ids: Int32Array): void {
    check("ids", ids, tokenIds);
    const lengths = this.lengthsOf(ids);
    this.nextIndex += ids.length;
    this.nextByte += lengths.reduce((sum, length) => sum + length, 0);
  }

  /** Notes the next tokens of the document. */
  read(ids: Int32Array): void {
    check("ids", ids, tokenIds);
    const lengths = this.lengthsOf(ids);
    const { document, index, token, begin, end } = this.columns;
    for (const [n, id] of ids.entries()) {
      const slot = this.written++ % this.capacity;
      document[slot] = this.names.length - 1;
      index[slot] = this.nextIndex++;
      token[slot] = id;
      begin[slot] = Math.max(0, this.nextByte);
      this.nextByte += lengths[n];
      end[slot] = Math.max(0, this.nextByte);
    }
  }

  /** The number of tokens that the row read before the one in `slot`, including forgotten ones. */
  serial(slot: number): number {
    if (!(Number.isInteger(slot) && slot >= 0 && slot < this.capacity))
      check("slot", slot, whole(0, this.capacity - 1));
    return pairInSlot(slot, this.written, this.capacity);
  }

  /** The place in its document of the pair in `slot`, which must hold one. */
  index(slot: number): number {
    return this.columns.index[slot];
  }

  /** Returns the source of the pair in `slot`. Throws an InputError for an empty slot. */
  at(slot: number): Source {
    if (this.serial(slot) < this.first) throw new InputError(`slot ${slot} of ${this.capacity} holds no source`);
    const { document, index, token, begin, end } = this.columns;
    return {
      document: document[slot],
      index: index[slot],
      token: token[slot],
      begin: begin[slot],
      end: end[slot],
    };
  }

  /** Copies the `count` newest sources, without the documents before them. */
  copyOut(count: number): SourceTable {
    check("count", count, whole(0, Math.min(this.capacity, this.written - this.first)));
    const columns = columnsOf(count);
    const first = this.written - count;
    for (const field of sourceFields) {
      for (let n = 0; n < count; n++) columns[field][n] = this.columns[field][(first + n) % this.capacity];
    }
    return newestSources({ documents: this.names, columns }, count);
  }

  /**
   * Restores the log from `sources`, so that the last becomes token `written` − 1. If there are more than fit, the oldest are
   * dropped.
   * @throws InputError if they are not sources, in order
   */
  copyIn(written: number, sources: SourceTable): void {
    const given = sources?.columns?.document?.length ?? 0;
    requireSources(sources, given);
    check("written", written, whole(given));
    const { documents, columns } = sources;
    this.names = [...documents];
    this.written = written;
    this.first = written - given;
    this.open = false;
    for (const field of sourceFields) {
      for (let n = Math.max(0, given - this.capacity); n < given; n++) {
        this.columns[field][(this.first + n) % this.capacity] = columns[field][n];
      }
    }
  }
}

/** Returns the `count` newest sources, without the documents that have none left. */
export function newestSources({ documents, columns }: SourceTable, count: number): SourceTable {
  const newest = columnsOf(count);
  if (count === 0) return { documents: [], columns: newest };
  for (const field of sourceFields) newest[field].set(columns[field].subarray(-count));
  const [firstDocument] = newest.document;
  newest.document.forEach((document, n) => {
    newest.document[n] = document - firstDocument;
  });
  return { documents: documents.slice(firstDocument), columns: newest };
}

/** Returns the sources of `older` followed by those of `newer`. */
export function joinSources(older: SourceTable, newer: SourceTable): SourceTable {
  const split = older.columns.document.length;
  const columns = columnsOf(split + newer.columns.document.length);
  for (const field of sourceFields) {
    columns[field].set(older.columns[field]);
    columns[field].set(newer.columns[field], split);
  }
  const shift = older.documents.length;
  for (let n = split; n < columns.document.length; n++) columns.document[n] += shift;
  return { documents: [...older.documents, ...newer.documents], columns };
}

/** Columns for `length` sources, all 0. */
function columnsOf(length: number): Record<keyof Source, Int32Array> {
  const column = () => new Int32Array(length);
  return { document: column(), index: column(), token: column(), begin: column(), end: column() };
}
