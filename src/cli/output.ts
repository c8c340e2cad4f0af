/**
 * Standard output and error: where whatever a command says meets a terminal. Names of files and documents, and texts of
 * memories, may come from anybody, so nothing is written but through these functions, which show what a terminal would obey.
 */
import process from "node:process";
import { printable, printableJson, printableLines } from "../base/printable.ts";

/** A result in one line, whatever names are in it. */
export function printLine(line: string): void {
  process.stdout.write(`${printable(line)}\n`);
}

/** Several lines. A name in one of them has to be made printable before, or its line breaks would be taken for ours. */
export function printText(text: string): void {
  process.stdout.write(printableLines(text));
}

export function printJson(value: unknown): void {
  printJsonPieces([JSON.stringify(value), "\n"]);
}

/** A JSON document in pieces, for one too long to be a string. */
export function printJsonPieces(pieces: Iterable<string>): void {
  for (const piece of pieces) process.stdout.write(printableJson(piece));
}

/**
 * What a model writes. A pipe or a file gets it to the letter; a terminal gets its line breaks and tabs, and everything else
 * that it would obey as escapes, since a model may repeat any sequence that it has read.
 */
export function printGenerated(text: string): void {
  process.stdout.write(process.stdout.isTTY ? printableLines(text) : text);
}

/** What went wrong. */
export function printError(text: string): void {
  process.stderr.write(`${printableLines(text)}\n`);
}
