/**
 * Memories in PostgreSQL with pgvector, for those who want them in SQL: a row for each pair, layer and head, keys and values as halves. A search scans
 * all keys of a head, so it is exact. Pairs count when the memory's own row says so, which changes last.
 */
import { aText, check, instance, whole, withMethods } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { asFloats, asHalves, type StoredNumbers } from "../wasm/half.ts";
import type { MemoryContents } from "./options.ts";
import { type MemorySnapshot, requireSnapshot } from "./snapshot-check.ts";
import { type SourceTable, sourceFields } from "./source-table.ts";
import { readVectors, SQL_TABLES, vectorText } from "./sql-tables.ts";

/** The part of a client that is used: a `Pool` of `pg`, or a PGlite. */
export interface SqlClient {
  /** Runs one statement. */
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/** A pair that a search found. */
export interface SqlPair {
  /** Its number, counted from the first that was ever appended. */
  readonly pair: number;
  /** q̂·k̃, computed by the database. */
  readonly score: number;
}

/** Rows that one statement writes. */
const ROWS = 1024;
/** PostgreSQL's code of a row whose key is there. */
const ALREADY_THERE = "23505";

interface MemoryRow {
  readonly heads: number;
  readonly width: number;
  readonly layers: readonly number[];
  readonly first: number;
  readonly next: number;
}

/** The memory that one model made, in a database. One program at a time may append to it. */
export class SqlMemory {
  private readonly client: SqlClient;
  private readonly model: string;

  private constructor(client: SqlClient, model: string) {
    this.client = client;
    this.model = model;
  }

  /** Opens the memory of the model with this fingerprint; makes the tables if they are missing. */
  static async open(client: SqlClient, model: string): Promise<SqlMemory> {
    check("client", client, withMethods("a Pool of pg, or a PGlite", "query"));
    check("model", model, aText);
    for (const statement of SQL_TABLES) await client.query(statement);
    return new SqlMemory(client, model);
  }

  /** Pairs that are remembered, in each layer and head. */
  async length(): Promise<number> {
    const row = await this.row();
    return row === undefined ? 0 : row.next - row.first;
  }

  /**
   * Appends the pairs of a snapshot as the newest. Floats are rounded to halves.
   * @throws InputError if they do not fit, or somebody else appends meanwhile; what was there, or that one appended, stays
   */
  async append(snapshot: MemorySnapshot): Promise<void> {
    requireSnapshot(snapshot);
    const writer = crypto.randomUUID();
    await this.requireFit(snapshot);
    // Whoever claimed the memory before fails from here on: at its last statement, or where a pair of the same number is written.
    await this.client.query("UPDATE memorizing_memories SET writer = $2 WHERE model = $1", [this.model, writer]);
    const { next } = (await this.row()) as MemoryRow;
    await this.remove("pair >= $2", next); // what a program that was killed left
    try {
      await this.appendPairs(snapshot, next);
    } catch (error) {
      throw Object(error).code === ALREADY_THERE ? this.conflict() : error;
    }
    const { rows } = await this.client.query(
      "UPDATE memorizing_memories SET next_pair = $3 WHERE model = $1 AND writer = $2 RETURNING model",
      [this.model, writer, next + snapshot.length],
    );
    if (rows.length === 0) throw this.conflict();
  }

  /** Writes the pairs of a snapshot, and their sources, with numbers from `next` on. */
  private async appendPairs(snapshot: MemorySnapshot, next: number): Promise<void> {
    const { heads, layers, sources } = snapshot;
    for (const layer of layers.keys()) {
      for (let head = 0; head < heads; head++) await this.appendHead(snapshot, layer, head, next);
    }
    if (sources !== undefined) await this.appendSources(sources, next);
  }

  /** The error of a writer that is not the only one. */
  private conflict(): InputError {
    return new InputError(`somebody else appends to the memory of ${this.model} at the same time; one at a time may`);
  }

  /** Drops the oldest `count` pairs, or all if there are fewer. */
  async forget(count: number): Promise<void> {
    check("count", count, whole(0));
    const { client, model } = this;
    await client.query(
      "UPDATE memorizing_memories SET first_pair = least(next_pair, first_pair + $2::bigint) WHERE model = $1",
      [model, count],
    );
    await this.remove("pair < $2", (await this.row())?.first ?? 0);
  }

  /** The best pairs of one head for a query [D], best first; of equal ones the older. Sums are the database's, so last bits differ. */
  async best(layer: number, head: number, query: Float32Array, topk: number): Promise<SqlPair[]> {
    check("layer", layer, whole(0));
    check("head", head, whole(0));
    check("query", query, instance(Float32Array, "a Float32Array"));
    check("topk", topk, whole(1));
    const width = (await this.row())?.width ?? query.length;
    if (query.length !== width) throw new InputError(`query: it has ${query.length} numbers; it must have ${width}`);
    const { rows } = await this.client.query(
      `SELECT pair, -(key::vector <#> $4::vector) AS score FROM memorizing_pairs JOIN memorizing_memories USING (model)
        WHERE model = $1 AND layer = $2 AND head = $3 AND pair >= first_pair AND pair < next_pair
        ORDER BY key::vector <#> $4::vector, pair LIMIT $5`,
      [this.model, layer, head, vectorText(query), topk],
    );
    return rows.map((row) => {
      const { pair, score } = Object(row);
      return { pair: Number(pair), score: Number(score) };
    });
  }

  /** All pairs as a snapshot of halves, for a state or a file. @throws InputError if there is no such memory */
  async snapshot(): Promise<MemorySnapshot> {
    const row = await this.row();
    if (row === undefined) throw new InputError(`the database has no memory of the model ${this.model}`);
    const { heads, width, layers, first, next } = row;
    const length = next - first;
    const contents = new Map<number, MemoryContents>();
    for (const layer of layers) contents.set(layer, await this.contentsOf(layer, row));
    const sources = await this.sourcesOf(row);
    const sizes = { heads, width, size: Math.max(1, length), length, appended: next };
    return { name: "the database", model: this.model, ...sizes, layers: contents, sources };
  }

  /** The sizes of this model's memory; undefined if there is none. */
  private async row(): Promise<MemoryRow | undefined> {
    const { rows } = await this.client.query(
      "SELECT heads, width, layers, first_pair, next_pair FROM memorizing_memories WHERE model = $1",
      [this.model],
    );
    if (rows.length === 0) return undefined;
    const { heads, width, layers, first_pair, next_pair } = Object(rows[0]);
    return { heads, width, layers, first: Number(first_pair), next: Number(next_pair) };
  }

  /** Makes the memory's own row for the first snapshot. @throws InputError if the snapshot does not fit */
  private async requireFit({ name, model, heads, width, layers, chosen }: MemorySnapshot): Promise<void> {
    if (model !== this.model) throw new InputError(`${name} was made by ${model ?? "no model"}, not by ${this.model}`);
    if (chosen !== undefined) throw new InputError(`${name} remembers in some heads only, which the tables cannot say`);
    const numbers = [...layers.keys()].sort((a, b) => a - b);
    await this.client.query(
      "INSERT INTO memorizing_memories VALUES ($1, $2, $3, $4, 0, 0) ON CONFLICT (model) DO NOTHING",
      [model, heads, width, numbers],
    );
    const row = (await this.row()) as MemoryRow;
    if (row.heads === heads && row.width === width && String(row.layers) === String(numbers)) return;
    throw new InputError(`${name} has other layers, heads or widths than the memory of ${model} in the database`);
  }

  /** Removes the pairs of the memory for which `which` holds, and their sources. */
  private async remove(which: "pair >= $2" | "pair < $2", pair: number): Promise<void> {
    for (const table of ["pairs", "sources"]) {
      await this.client.query(`DELETE FROM memorizing_${table} WHERE model = $1 AND ${which}`, [this.model, pair]);
    }
  }

  /** Writes the newest pairs of one head. */
  private async appendHead(snapshot: MemorySnapshot, layer: number, head: number, next: number): Promise<void> {
    const { length, width, heads, layers } = snapshot;
    const { keys, values } = layers.get(layer) as MemoryContents;
    const ofHead = (numbers: StoredNumbers) => {
      const halves = asHalves(numbers.slice((head * numbers.length) / heads, ((head + 1) * numbers.length) / heads));
      const floats = asFloats(halves);
      return (pair: number) => vectorText(floats.subarray(pair * width, (pair + 1) * width));
    };
    const [keyAt, valueAt] = [ofHead(keys), ofHead(values)];
    for (let from = 0; from < length; from += ROWS) {
      const pairs = Array.from({ length: Math.min(ROWS, length - from) }, (_, i) => from + i);
      await this.client.query(
        `INSERT INTO memorizing_pairs SELECT $1, $2, $3, pair, key::halfvec, value::halfvec
          FROM unnest($4::bigint[], $5::text[], $6::text[]) AS rows (pair, key, value)`,
        [this.model, layer, head, pairs.map((pair) => next + pair), pairs.map(keyAt), pairs.map(valueAt)],
      );
    }
  }

  /** Writes where the newest pairs come from. */
  private async appendSources({ documents, columns }: SourceTable, next: number): Promise<void> {
    for (let from = 0; from < columns.document.length; from += ROWS) {
      const to = Math.min(from + ROWS, columns.document.length);
      const column = (field: keyof SourceTable["columns"]) => [...columns[field].subarray(from, to)];
      const names = column("document").map((document) => documents[document]);
      const pairs = Array.from({ length: to - from }, (_, i) => next + from + i);
      await this.client.query(
        `INSERT INTO memorizing_sources SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::integer[], $5::integer[],
          $6::integer[], $7::integer[], $8::integer[])`,
        [this.model, pairs, names, ...sourceFields.map(column)],
      );
    }
  }

  /** Reads the pairs of a layer. */
  private async contentsOf(layer: number, { heads, width, first, next }: MemoryRow): Promise<MemoryContents> {
    const numbers = heads * (next - first) * width;
    const [keys, values] = [new Uint16Array(numbers), new Uint16Array(numbers)];
    for (let head = 0, at = 0; head < heads; head++) {
      for (let from = first; from < next; from += ROWS) {
        const { rows } = await this.client.query(
          `SELECT key::text AS key, value::text AS value FROM memorizing_pairs
            WHERE model = $1 AND layer = $2 AND head = $3 AND pair >= $4 AND pair < $5 ORDER BY pair`,
          [this.model, layer, head, from, Math.min(from + ROWS, next)],
        );
        if (rows.length !== Math.min(ROWS, next - from)) {
          throw new InputError(`the database lacks pairs of layer ${layer}, head ${head}, behind number ${from}`);
        }
        keys.set(asHalves(readVectors(rows, "key", width)), at);
        values.set(asHalves(readVectors(rows, "value", width)), at);
        at += rows.length * width;
      }
    }
    return { keys, values };
  }

  /** Undefined unless the sources of all pairs were noted. */
  private async sourcesOf({ first, next }: MemoryRow): Promise<SourceTable | undefined> {
    const { rows } = await this.client.query(
      "SELECT * FROM memorizing_sources WHERE model = $1 AND pair >= $2 AND pair < $3 ORDER BY pair",
      [this.model, first, next],
    );
    if (rows.length < next - first) return undefined;
    const documents: string[] = [];
    const numbers = rows.map((row, i) => {
      const { name, document, index } = Object(row);
      const before = Object(rows[i - 1]); // numbers of documents are those of the snapshot that brought them, and begin anew in the next
      const isSame = before.name === name && before.document === document && before.index + 1 === index;
      if (!isSame) documents.push(name);
      return documents.length - 1;
    });
    const column = (field: string) => Int32Array.from(rows, (row) => Object(row)[field]);
    const columns = {
      document: Int32Array.from(numbers),
      index: column("index"),
      token: column("token"),
      begin: column("begin"),
      end: column("end"),
    };
    return { documents, columns };
  }
}
