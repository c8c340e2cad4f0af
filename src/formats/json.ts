/**
 * JSON from files, parsed strictly. What a file of ours holds is written once and read by many: a key that comes twice, a
 * number that no float can hold or nesting without end is damage or malice, and refused, where JSON.parse would go on.
 */
import { aName, isPlainObject } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import { decodeUnicode } from "../base/unicode.ts";
import type { ByteSource } from "./byte-source.ts";
import { JsonScanner } from "./json-scanner.ts";
import { refuseMistakenFile } from "./mistaken-file.ts";

/** Deeper than any file that is read here, and far from what the stack can hold. */
const DEEPEST = 100;

/** The value of `text`. Throws an InputError that begins with `complaint`, such as `x.json is not valid JSON`. */
export function parseJson(text: string, complaint: string): unknown {
  const scan = new JsonScanner(text, complaint);
  const value = readValue(scan, DEEPEST);
  scan.end("the text");
  return value;
}

/** The value of a file of JSON, wherever its bytes are. Throws an InputError that names the file. */
export function jsonOf(source: ByteSource): unknown {
  const bytes = source.read(0, source.size);
  refuseMistakenFile(bytes, source.name, "a JSON file");
  const text = decodeUnicode(bytes);
  if (typeof text === "string") return parseJson(text.replace(/^\ufeff/, ""), `${source.name} is not valid JSON`);
  throw new InputError(`${source.name} is not ${text.encoding} text; a JSON file is needed`);
}

/**
 * Checks what a program gives as parsed JSON: only what `parseJson` could have returned, and so what a file can hold. A key
 * that is undefined counts as left out.
 * @throws InputError that begins with `complaint`
 */
export function requireJson(value: unknown, complaint: string): void {
  requireJsonWithin(value, complaint, DEEPEST);
}

function requireJsonWithin(value: unknown, complaint: string, depth: number): void {
  if (value === null || typeof value === "boolean" || aName.accepts(value) || Number.isFinite(value)) return;
  const nested = Array.isArray(value) || isPlainObject(value);
  if (!nested) throw new InputError(`${complaint}: JSON has no place for ${show(value)}`);
  if (depth === 0) throw new InputError(`${complaint}: it is nested more than ${DEEPEST} levels deep`);
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined && !Array.isArray(value)) continue; // left out, as JSON.stringify sees it
    if (!aName.accepts(key)) throw new InputError(`${complaint}: JSON has no place for the key ${show(key)}`);
    requireJsonWithin(item, complaint, depth - 1);
  }
}

/** The next value, which may be nested `depth` levels deep. */
function readValue(scan: JsonScanner, depth: number): unknown {
  switch (scan.peek()) {
    case "{":
      return readObject(scan, depth);
    case "[":
      return readList(scan, depth);
    case '"':
      return scan.string("a text");
    default:
      return readScalar(scan);
  }
}

function readObject(scan: JsonScanner, depth: number): Record<string, unknown> {
  requireDepth(scan, depth);
  const entries: [string, unknown][] = [];
  scan.object("an object", (key) => entries.push([key, readValue(scan, depth - 1)]));
  return Object.fromEntries(entries);
}

function readList(scan: JsonScanner, depth: number): unknown[] {
  requireDepth(scan, depth);
  const items: unknown[] = [];
  scan.list("a list", () => items.push(readValue(scan, depth - 1)));
  return items;
}

function requireDepth(scan: JsonScanner, depth: number): void {
  if (depth === 0) scan.refuseHere("a value", `must not be nested more than ${DEEPEST} levels deep`);
}

function readScalar(scan: JsonScanner): number | boolean | null {
  if (scan.word("null")) return null;
  if (scan.word("true")) return true;
  if (scan.word("false")) return false;
  if (!/[-\d]/.test(scan.peek())) scan.refuseHere("a value", "must come next");
  const digits = scan.number("a value");
  const value = Number(digits);
  if (!Number.isFinite(value)) scan.refuse(`the number ${digits.slice(0, 20)} is too large`);
  return value;
}
