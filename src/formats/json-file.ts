/** JSON files: configurations, tokenizers, the trainer's state. What must stand in one is known to whoever asks for it. */

import { readText } from "../platform/files.ts";
import { parseJson } from "./json.ts";

/** The parsed content of the file; throws an InputError that names the file if it cannot be read or is not JSON. */
export function readJson(path: string): unknown {
  return parseJson(readText(path), `${path} is not valid JSON`);
}

/** `value` as the text of a JSON file for people: indented, with a line break at the end. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
