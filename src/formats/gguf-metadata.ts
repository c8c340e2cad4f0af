/** The metadata of a GGUF file: values of thirteen types by key. */
import { type GgufCursor, named } from "./gguf-cursor.ts";

/** A value. Whole numbers beyond 2^53 are refused when they are read. */
export type GgufValue = number | boolean | string | readonly GgufValue[];

/** The values of a file by their keys. */
export type GgufMetadata = ReadonlyMap<string, GgufValue>;

/** By the number of the type: its name, the fewest bytes that it takes, and how it is read. */
const TYPES: readonly { name: string; least: number; read(cursor: GgufCursor, what: string): GgufValue }[] = [
  { name: "uint8", least: 1, read: (cursor, what) => cursor.u8(what) },
  { name: "int8", least: 1, read: (cursor, what) => cursor.i8(what) },
  { name: "uint16", least: 2, read: (cursor, what) => cursor.u16(what) },
  { name: "int16", least: 2, read: (cursor, what) => cursor.i16(what) },
  { name: "uint32", least: 4, read: (cursor, what) => cursor.u32(what) },
  { name: "int32", least: 4, read: (cursor, what) => cursor.i32(what) },
  { name: "float32", least: 4, read: (cursor, what) => cursor.f32(what) },
  { name: "bool", least: 1, read: (cursor, what) => cursor.flag(what) },
  { name: "string", least: 8, read: (cursor, what) => cursor.text(what) },
  { name: "array", least: 12, read: (cursor, what) => readArray(cursor, what) },
  { name: "uint64", least: 8, read: (cursor, what) => cursor.u64(what) },
  { name: "int64", least: 8, read: (cursor, what) => cursor.i64(what) },
  { name: "float64", least: 8, read: (cursor, what) => cursor.f64(what) },
];

const ARRAY = TYPES.findIndex(({ name }) => name === "array");
/** Fewest bytes of a key and its value: a length, a type, a byte. */
export const LEAST_ENTRY = 13;

/** Reads `count` keys and their values. A key that comes twice is refused. */
export function readMetadata(cursor: GgufCursor, count: number): GgufMetadata {
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < count; i++) {
    const key = cursor.text(`key ${i} of the metadata`);
    if (metadata.has(key)) cursor.refuse(`the ${named("key", key)} appears twice`);
    const what = `the value of ${named("key", key)}`;
    metadata.set(key, typeAt(cursor, what).read(cursor, what));
  }
  return metadata;
}

/** Arrays of arrays are refused: no writer makes them, and their depth would have no end. */
function readArray(cursor: GgufCursor, what: string): GgufValue[] {
  const type = typeAt(cursor, what);
  if (type === TYPES[ARRAY]) cursor.refuse(`${what} is an array of arrays`);
  const count = cursor.items(type.least, what);
  const items: GgufValue[] = [];
  for (let i = 0; i < count; i++) items.push(type.read(cursor, what));
  return items;
}

function typeAt(cursor: GgufCursor, what: string): (typeof TYPES)[number] {
  const number = cursor.u32(`the type of ${what}`);
  return TYPES[number] ?? cursor.refuse(`${what} has type ${number}; types are 0 to ${TYPES.length - 1}`);
}
