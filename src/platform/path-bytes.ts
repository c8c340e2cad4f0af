/**
 * Paths whose bytes are not UTF-8, as old disks and archives have them, in strings: each byte that is not part of a character
 * stands as half of a surrogate pair, U+DC80 to U+DCFF, as in Python (PEP 383). No other name has such a half, so the string
 * leads back to the very bytes. Deno gives and opens names of text only.
 */
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { InputError } from "../base/errors.ts";
import { characterLength } from "../base/unicode.ts";

/** Halves of pairs that stand for bytes; the flag u leaves out those that are part of a pair. */
const BYTE = /[\udc80-\udcff]/u;
const FIRST = 0xdc00;

/** The name or path that the system gave. */
export function pathOf(given: Uint8Array | string): string {
  if (typeof given === "string") return given;
  let path = "";
  for (let at = 0; at < given.length; ) {
    const length = characterLength(given, at);
    const character = Buffer.from(given.subarray(at, at + length));
    path += length === 0 ? String.fromCharCode(FIRST + given[at]) : character.toString("utf8");
    at += Math.max(1, length);
  }
  return path;
}

/** The same path for the functions of `node:fs`. */
export function systemPath(path: string): string | Buffer {
  if (!BYTE.test(path)) return path;
  const bytes = Array.from(path, (character) => {
    return BYTE.test(character) ? Buffer.of(character.charCodeAt(0) - FIRST) : Buffer.from(character);
  });
  return Buffer.concat(bytes);
}

/** The path as a text that files can hold: a byte that is not UTF-8 as `\xfc`. */
export function pathText(path: string): string {
  return path.replaceAll(/[\udc80-\udcff]/gu, (byte) => `\\x${(byte.charCodeAt(0) - FIRST).toString(16)}`);
}

/** Refuses a path whose bytes are not UTF-8, for what is to be made: it would get another name. */
export function requireText(path: string): void {
  if (BYTE.test(path)) throw new InputError(`cannot write ${path}: its name is not UTF-8; give another one`);
}

/**
 * The arguments of this process, `argv`, which the engine has decoded: where it met bytes that are not UTF-8, Linux is asked
 * for them. Elsewhere names are text.
 */
export function exactArguments(argv: readonly string[]): string[] {
  if (!argv.some((argument) => argument.includes("\ufffd"))) return [...argv];
  const exact = processArguments().slice(-argv.length);
  return argv.map((argument, i) => (lossy(exact[i]) === argument ? exact[i] : argument));
}

/** Every argument of the process, the program and its options first; none where the system does not tell. */
function processArguments(): string[] {
  try {
    return pathOf(readFileSync("/proc/self/cmdline")).split("\0").slice(0, -1);
  } catch {
    return [];
  }
}

/** The path as the engine decodes its bytes: U+FFFD where they are not UTF-8. */
function lossy(path: string | undefined): string | undefined {
  return path === undefined ? undefined : Buffer.from(systemPath(path)).toString("utf8");
}
