/**
 * Where remembered pairs come from: of every slot the token, its place in which document, and the bytes of its text.
 *
 * All layers and heads remember in lockstep, so one log a row serves all memories of a state: a ring with the same slots, of
 * integers, five a slot. It is written as tokens are read, a little ahead of the memories, which get them when their segment is
 * complete; what a memory can return, and what it returned in this step, is never overwritten by that. It reads no text.
 */
import { aName, check, tokenIds, whole, withMethods } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { pairInSlot } from "./ring.ts";
import { requireSources, type Source, type SourceTable, sourceFields } from "./source-table.ts";

/** All that has to be known of a tokenizer. */
export interface TokenBytes {
  /** Bytes of a token's text. */
  byteLength(id: number): number;
}

const aCapacity = whole(1, 2 ** 26);
const tokenBytes = withMethods("a tokenizer", "byteLength");

/** Notes where each pair of a memory comes from, in a ring like the memory's. */
export class SourceLog {
  /** Slots, as many as a row of the memory has. Token n, counted as the memory counts its pairs, is in slot n mod capacity. */
  readonly capacity: number;
  private readonly tokenizer: TokenBytes;
  private readonly columns: Record<keyof Source, Int32Array>; // [capacity] each
  private names: string[] = [];
  private written = 0;
  /** Number of the first token that is known, if the log was put back. */
  private first = 0;
  /** Whether the next token belongs to the last of the documents. */
  private open = false;
  private nextIndex = 0;
  private nextByte = 0;

  /** Makes an empty log. */
  constructor(capacity: number, tokenizer: TokenBytes) {
    check("capacity", capacity, aCapacity);
    check("tokenizer", tokenizer, tokenBytes);
    this.capacity = capacity;
    this.tokenizer = tokenizer;
    this.columns = columnsOf(capacity);
  }

  /** Tokens that were read, which is what the memories were given once the document has ended. */
  get appended(): number {
    return this.written;
  }

  /** Names of the documents, by number. */
  get documents(): readonly string[] {
    return this.names;
  }

  /** The next token is the first of a document called `name`, a text that a file can keep: no character is cut in half. */
  openDocument(name: string): void {
    check("name", name, aName);
    this.names.push(name);
    this.open = true;
    this.nextIndex = 0;
    this.nextByte = 0;
  }

  /** The document has ended; if another is not opened, the next token begins one without a name. */
  closeDocument(): void {
    this.open = false;
  }

  /** Forgets everything. */
  reset(): void {
    this.names = [];
    this.written = 0;
    this.first = 0;
    this.open = false;
  }

  /** The next tokens of the document. */
  read(ids: Int32Array): void {
    check("ids", ids, tokenIds);
    const lengths = Array.from(ids, (id) => this.tokenizer.byteLength(id)); // refuses what is no token, before anything is noted
    if (!this.open) this.openDocument("");
    const { document, index, token, begin, end } = this.columns;
    for (const [n, id] of ids.entries()) {
      const slot = this.written++ % this.capacity;
      document[slot] = this.names.length - 1;
      index[slot] = this.nextIndex++;
      token[slot] = id;
      begin[slot] = this.nextByte;
      this.nextByte += lengths[n];
      end[slot] = this.nextByte;
    }
  }

  /** How many tokens the row had read before the one in `slot`, whatever became of them. */
  serial(slot: number): number {
    if (!(Number.isInteger(slot) && slot >= 0 && slot < this.capacity))
      check("slot", slot, whole(0, this.capacity - 1));
    return pairInSlot(slot, this.written, this.capacity);
  }

  /** Where the pair in `slot` comes from. Throws an InputError for a slot that holds nothing. */
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

  /** A copy of the `count` newest sources, without the documents before them. */
  copyOut(count: number): SourceTable {
    check("count", count, whole(0, Math.min(this.capacity, this.written - this.first)));
    const columns = columnsOf(count);
    const from = this.written - count;
    for (const field of sourceFields) {
      for (let n = 0; n < count; n++) columns[field][n] = this.columns[field][(from + n) % this.capacity];
    }
    return newestSources({ documents: this.names, columns }, count);
  }

  /**
   * Has the log hold these sources, of which the last is the last of `written`; of more than fit only the last stay.
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

/** The `count` newest of the sources, without the documents of which none is left. */
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

/** The sources of `newer` after those of `older`. */
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

/** Room for `length` sources, all 0. */
function columnsOf(length: number): Record<keyof Source, Int32Array> {
  const column = () => new Int32Array(length);
  return { document: column(), index: column(), token: column(), begin: column(), end: column() };
}
