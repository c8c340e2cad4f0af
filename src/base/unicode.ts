/**
 * Text from bytes, to the letter or not at all: UTF-8, and UTF-16 that begins with a byte order mark, as Windows writes it. A
 * TextDecoder would tell neither where the fault is nor whether the bytes were meant to be text.
 */

/** The place where bytes stop being text, and the encoding they were read in. */
export interface Fault {
  readonly encoding: "UTF-8" | "UTF-16";
  /** Byte at which the first ill-formed sequence begins. */
  readonly offset: number;
}

/** The encoding that bytes, or the beginning of them, are to be read in. */
export function encodingOf(bytes: Uint8Array): "UTF-8" | "UTF-16LE" | "UTF-16BE" {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "UTF-16LE";
  return bytes[0] === 0xfe && bytes[1] === 0xff ? "UTF-16BE" : "UTF-8";
}

/** The text, or where it is ill-formed. A UTF-16 byte order mark is not part of it; a UTF-8 one is its first character. */
export function decodeUnicode(bytes: Uint8Array): string | Fault {
  const encoding = encodingOf(bytes);
  const offset = encoding === "UTF-8" ? invalidUtf8Offset(bytes) : invalidUtf16Offset(bytes, encoding === "UTF-16LE");
  if (offset >= 0) return { encoding: encoding === "UTF-8" ? "UTF-8" : "UTF-16", offset };
  return new TextDecoder(encoding, { ignoreBOM: encoding === "UTF-8" }).decode(bytes);
}

/** Where the first ill-formed sequence begins, -1 if there is none (The Unicode Standard, table 3-7). */
function invalidUtf8Offset(bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return -1;
}

/** How many bytes the UTF-8 character at `at` has, 0 if it is ill-formed. */
export function characterLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at];
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // The second byte excludes overlong forms, surrogates and what lies beyond U+10FFFF.
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  // Past the end bytes are undefined, and no comparison with undefined holds.
  if (!(bytes[at + 1] >= least && bytes[at + 1] <= most)) return 0;
  for (let i = 2; i < length; i++) {
    if (!(bytes[at + i] >= 0x80 && bytes[at + i] <= 0xbf)) return 0;
  }
  return length;
}

/** Where the first unit is that is half of a pair without the other half, or half a unit; -1 if there is none. */
function invalidUtf16Offset(bytes: Uint8Array, littleEndian: boolean): number {
  /** The high six bits of the unit at `at`: 54 in the first half of a pair, 55 in the second; NaN past the end. */
  const kindAt = (at: number) => (at + 1 < bytes.length ? bytes[at + (littleEndian ? 1 : 0)] >> 2 : Number.NaN);
  for (let at = 0; at < bytes.length; at += 2) {
    const kind = kindAt(at);
    if (kind === 54 && kindAt(at + 2) === 55) at += 2;
    else if (Number.isNaN(kind) || kind === 54 || kind === 55) return at;
  }
  return -1;
}
