/** Spoils files: a few random changes to bytes, to what looks like JSON, or to both. All chance comes from one generator. */
import type { Random } from "../../src/base/random.ts";
import type { Reader } from "./readers.ts";

const ascii = new TextEncoder();

/** Pieces that readers have stumbled over before: JSON, safetensors, Unicode, JavaScript. */
const MORSELS = [
  ...["{", "}", "[", "]", ",", ":", '"', "\\", "null", "true", "false", "[]", "{}", '""', "[[", "]]", "{{", " ", "\n"],
  ...["0", "-0", "-1", "1", "256", "1e999", "-1e999", "1e-999", "0.5", "4294967296", "2147483648", "9007199254740992"],
  ...["18446744073709551615", "9".repeat(400), "NaN", "Infinity", "0x10", "01", "1e5", "1E+2"],
  ...[
    '"__proto__"',
    '"constructor"',
    '"toString"',
    '"valueOf"',
    '"length"',
    '"__metadata__"',
    '"F32"',
    '"F16"',
    '"U8"',
  ],
  ...['"dtype"', '"shape"', '"data_offsets"', '"id"', '"content"', '"lstrip"', '"step"', '"checksum"', '"ByteLevel"'],
  ...[
    "\\ud800",
    "\\u0000",
    "\\udc00\\ud800",
    "\\uFFFF",
    "\u0000",
    "\ufeff",
    "é",
    "😀",
    "../../etc/passwd",
    "/etc/passwd",
  ],
  ...["[".repeat(3000), '{"a":'.repeat(3000), "(a+)+", "[^", "(?=", "\\p{", "Removed", "Isolated"],
].map((text) => ascii.encode(text));

const NOT_UTF8 = [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]].map((bytes) =>
  Uint8Array.from(bytes),
);

const nothing = new Uint8Array(0);

/** A spoilt file for `reader`, made of its good ones. */
export function mutant(reader: Reader, random: Random): Uint8Array {
  const parts = pick(reader.seeds, random);
  const other = pick(reader.seeds, random);
  switch (Math.floor(random.next() * 4)) {
    case 0:
      return changed(reader.join(parts), reader.join(other), random);
    case 1:
      return reader.join({ ...parts, rest: changed(parts.rest, other.rest, random) });
    default:
      return reader.join({ ...parts, text: changed(parts.text, other.text, random) });
  }
}

type Change = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const changes: readonly Change[] = [
  flipBit,
  (bytes, random) => replaced(bytes, somewhere(bytes, random, 1), Uint8Array.of(below(256, random))),
  (bytes, random) => replaced(bytes, somewhere(bytes, random, 12), nothing),
  (bytes, random) => replaced(bytes, somewhere(bytes, random, 300), nothing),
  (bytes, random) => bytes.slice(0, below(bytes.length + 1, random)),
  (bytes, random) => replaced(bytes, somewhere(bytes, random, 0), pick(MORSELS, random)),
  (bytes, random) => replaced(bytes, somewhere(bytes, random, 0), pick(NOT_UTF8, random)),
  (bytes, random) => replaced(bytes, somewhere(bytes, random, 0), piece(bytes, random)),
  (bytes, random, other) => replaced(bytes, somewhere(bytes, random, 80), piece(other, random)),
  (bytes, random) => replaced(bytes, matching(bytes, random, /\d+/g), pick(MORSELS, random)),
  (bytes, random) => replaced(bytes, matching(bytes, random, /\d+/g), ascii.encode(String(below(30, random)))),
  (bytes, random) => replaced(bytes, matching(bytes, random, /"[^"]*"|true|false|null|\d+/g), pick(MORSELS, random)),
  (bytes, random) => replaced(bytes, matching(bytes, random, /"[^"]*"/g), token(bytes, random)),
  (bytes, random) => replaced(bytes, matching(bytes, random, /,?"[^"]*":[^,{}]*/g), nothing),
];

/** `bytes` after one to four changes; `other` is what pieces are taken from. */
function changed(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let result = bytes;
  for (let left = 1 + below(4, random); left > 0; left--) result = pick(changes, random)(result, random, other);
  return result;
}

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice();
  if (copy.length > 0) copy[below(copy.length, random)] ^= 1 << below(8, random);
  return copy;
}

type Range = readonly [begin: number, end: number];

function replaced(bytes: Uint8Array, [begin, end]: Range, by: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length - (end - begin) + by.length);
  result.set(bytes.subarray(0, begin));
  result.set(by, begin);
  result.set(bytes.subarray(end), begin + by.length);
  return result;
}

/** At most `most` bytes. */
function somewhere({ length }: Uint8Array, random: Random, most: number): Range {
  const begin = below(length + 1, random);
  return [begin, Math.min(length, begin + below(most + 1, random))];
}

function piece(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.subarray(...somewhere(bytes, random, 80));
}

/** One of the places that look like this, if the bytes are seen as Latin-1; else the end. */
function matching(bytes: Uint8Array, random: Random, pattern: RegExp): Range {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  const from = below(text.length + 1, random);
  pattern.lastIndex = from;
  const match = pattern.exec(text);
  return match === null ? [text.length, text.length] : [match.index, match.index + match[0].length];
}

/** A string of JSON that stands elsewhere in the bytes, such as another key. */
function token(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.subarray(...matching(bytes, random, /"[^"]*"/g));
}

function pick<T>(list: readonly T[], random: Random): T {
  return list[below(list.length, random)];
}

function below(count: number, random: Random): number {
  return Math.floor(random.next() * count);
}
