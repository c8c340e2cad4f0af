/** The tables of memories in PostgreSQL, and vectors as pgvector reads and writes them. */
import { InputError } from "../base/errors.ts";

export const SQL_TABLES = [
  "CREATE EXTENSION IF NOT EXISTS vector",
  `CREATE TABLE IF NOT EXISTS memorizing_memories (model text PRIMARY KEY, heads integer NOT NULL, width integer NOT NULL,
    layers integer[] NOT NULL, first_pair bigint NOT NULL, next_pair bigint NOT NULL)`,
  "ALTER TABLE memorizing_memories ADD COLUMN IF NOT EXISTS writer text",
  `CREATE TABLE IF NOT EXISTS memorizing_pairs (model text, layer integer, head integer, pair bigint,
    key halfvec NOT NULL, value halfvec NOT NULL, PRIMARY KEY (model, layer, head, pair))`,
  `CREATE TABLE IF NOT EXISTS memorizing_sources (model text, pair bigint, name text NOT NULL, document integer NOT NULL,
    index integer NOT NULL, token integer NOT NULL, "begin" integer NOT NULL, "end" integer NOT NULL, PRIMARY KEY (model, pair))`,
];

export function vectorText(numbers: Float32Array): string {
  return `[${numbers.join(",")}]`;
}

/** The vectors in one column of some rows, [rows, width]. @throws InputError if one has another width */
export function readVectors(rows: readonly unknown[], column: string, width: number): Float32Array {
  const numbers = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) {
    const vector: string[] = String(Object(row)[column]).slice(1, -1).split(",");
    if (vector.length !== width)
      throw new InputError(`the database has a ${column} of width ${vector.length}, not ${width}`);
    numbers.set(vector.map(Number), i * width);
  }
  return numbers;
}
