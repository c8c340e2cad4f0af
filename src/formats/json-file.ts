/** JSON files: configurations, tokenizers, the trainer's state. Callers know what must be in them. */

import { InputError } from "../base/errors.ts";
import { encodingOf } from "../base/unicode.ts";
import { readText } from "../platform/read-file.ts";
import { parseJson } from "./json.ts";
import { refuseMistakenFile } from "./mistaken-file.ts";

/** The parsed content of the file; throws an InputError that names the file if it cannot be read or is not JSON. */
export function readJson(path: string): unknown {
  const check = (beginning: Uint8Array) => requireText(beginning, path);
  return parseJson(readText(path, { check }), `${path} is not valid JSON`);
}

/** Refuses what no JSON file begins with, before the rest is read. */
function requireText(beginning: Uint8Array, path: string): void {
  refuseMistakenFile(beginning, path, "a JSON file");
  if (encodingOf(beginning) !== "UTF-8" || !beginning.includes(0)) return;
  throw new InputError(`${path} is a binary file, not a JSON file`);
}

/** `value` as the text of a JSON file for people: indented, with a line break at the end. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
