/**
 * Reads one text file to the letter: UTF-8, a byte order mark kept as the character it is, or UTF-16 with one, which is not part
 * of the text; line ends as they are. What is not text is refused by name and place, for a wrong file among thousands must
 * be found. The system's own refusals (no such file, no permission) come from platform/.
 */
import { InputError } from "../base/errors.ts";
import { decodeUnicode, encodingOf } from "../base/unicode.ts";
import { type Reading, readTextBytes } from "../platform/read-file.ts";

/** A file that is not text in any encoding, such as a picture. */
export class BinaryFileError extends InputError {}

/** The whole file; throws a BinaryFileError for one that is not text, an InputError for a text of another encoding. */
export function readTextFile(path: string, reading: Reading = {}): string {
  const check = (beginning: Uint8Array) => requireNoZero(beginning, path);
  const bytes = readTextBytes(path, { ...reading, check });
  requireNoZero(bytes, path);
  const text = decodeUnicode(bytes);
  if (typeof text !== "string") {
    const { encoding, offset } = text;
    if (encoding === "UTF-16") refuseBinary(path, `it begins as UTF-16, but is none at byte offset ${offset}`);
    const control = bytes.findIndex(isControl);
    if (control >= 0) refuseBinary(path, `byte ${control} is a control character`);
    throw new InputError(`${path} is not UTF-8 at byte offset ${offset}; convert it to UTF-8 first`);
  }
  const zero = text.indexOf("\0");
  if (zero >= 0) refuseBinary(path, `character ${zero} is zero`);
  return text;
}

/** In UTF-16 every other byte may be zero. */
function requireNoZero(bytes: Uint8Array, path: string): void {
  const zero = encodingOf(bytes) === "UTF-8" ? bytes.indexOf(0) : -1;
  if (zero >= 0) refuseBinary(path, `byte ${zero} is zero`);
}

/** Whether no text in any encoding has such a byte: a control other than tabs, line ends and the like, and escape. */
function isControl(byte: number): boolean {
  return byte < 7 || (byte > 13 && byte < 32 && byte !== 27) || byte === 127;
}

function refuseBinary(path: string, reason: string): never {
  throw new BinaryFileError(`${path} is a binary file (${reason}), a text file is needed`);
}
