/**
 * Reads one text file to the letter: UTF-8 only, a byte order mark kept as the character it is, line ends as they are.
 * What is not text is refused by name and place, for a wrong file among thousands must be found. The system's own
 * refusals (no such file, no permission) come from platform/files.ts.
 */
import { InputError } from "../base/errors.ts";
import { readTextBytes } from "../platform/files.ts";

/** The whole file; throws an InputError for a binary file (one with a zero byte) and for bytes that are not UTF-8. */
export function readTextFile(path: string): string {
  const bytes = readTextBytes(path);
  const zero = bytes.indexOf(0);
  if (zero >= 0) throw new InputError(`${path} is a binary file (byte ${zero} is zero), a text file is needed`);
  const invalid = invalidUtf8Offset(bytes);
  if (invalid >= 0) throw new InputError(`${path} is not UTF-8 at byte offset ${invalid}; convert it to UTF-8 first`);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** Where the first ill-formed sequence begins, -1 if there is none (The Unicode Standard, table 3-7). */
function invalidUtf8Offset(bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at] < 0x80 ? 1 : sequenceLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return -1;
}

/** The length of the well-formed multi-byte sequence at `at`, 0 if it is not well-formed. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at];
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
