/**
 * Standard output and error: where whatever a command says meets a terminal. Names of files and documents, and texts of
 * memories, may come from anybody, so nothing is written but through these functions, which show what a terminal would obey.
 */
import process from "node:process";
import { printable, printableJson, printableLines } from "../base/printable.ts";

type Stream = Pick<NodeJS.WriteStream, "write" | "isTTY">;

/** A result in one line, whatever names are in it. */
export function printLine(line: string, stream: Stream = process.stdout): void {
  stream.write(`${printable(line)}\n`);
}

/** Several lines. A name in one of them has to be made printable before, or its line breaks would be taken for ours. */
export function printText(text: string, stream: Stream = process.stdout): void {
  stream.write(printableLines(text));
}

export function printJson(value: unknown, stream: Stream = process.stdout): void {
  printJsonPieces([JSON.stringify(value), "\n"], stream);
}

/** A JSON document in pieces, for one too long to be a string. */
export function printJsonPieces(pieces: Iterable<string>, stream: Stream = process.stdout): void {
  for (const piece of pieces) stream.write(printableJson(piece));
}

/**
 * Prints the text that a model writes. A pipe or a file gets it to the letter; a terminal gets its line breaks and tabs, and everything else
 * that it would obey as escapes, since a model may repeat any sequence that it has read.
 */
export function printGenerated(text: string, stream: Stream = process.stdout): void {
  stream.write(stream.isTTY ? printableLines(text) : text);
}

/** Prints an error to standard error, then calls `onWritten`. */
export function printError(text: string, onWritten?: () => void): void {
  process.stderr.write(`${printableLines(text)}\n`, onWritten);
}
