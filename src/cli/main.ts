#!/usr/bin/env node
/**
 * The command line: finds the command, runs it, and turns what goes wrong into one sentence. A mistake of the user ends with
 * the sentence alone, and with exit code 2 if it is in the command line itself, 1 if it is elsewhere; anything else is a bug of
 * this program and shows its stack trace. What only helps or tells the version loads no engine.
 */
import process from "node:process";
import { printable } from "../base/printable.ts";
import { exactArguments } from "../platform/path-bytes.ts";
import { UsageError } from "./arguments/usage.ts";
import { commandTable, requestOf } from "./commands.ts";
import { printError, printLine, printText } from "./output.ts";
import { packageVersion } from "./package.ts";
import { PROGRAM } from "./summaries.ts";

const VERSION = ["--version", "-v"];

async function main(argv: readonly string[]): Promise<number> {
  if (VERSION.includes(argv[0])) {
    printLine(`${PROGRAM} ${packageVersion()} (${runtime()})`);
    return 0;
  }
  const request = requestOf(argv);
  if ("help" in request) {
    printText(request.help === "" ? programHelp() : `${commandTable(request.help)}\n`);
    return 0;
  }
  const { run } = await request.load();
  try {
    return await run(request.argv);
  } finally {
    const { stopThreads } = await import("./threads.ts");
    await stopThreads();
  }
}

function programHelp(): string {
  const kernels = "MEMORIZING_KERNELS=plain in the environment gives the same numbers to the bit on every engine.";
  return `Memorizing Transformers: language models that memorize what they read\n\n${commandTable("")}\n\n${kernels}\n`;
}

function runtime(): string {
  const { deno, node } = process.versions;
  return deno === undefined ? `Node ${node}` : `Deno ${deno}`;
}

/** The names of errors whose message says all that a user needs; their classes would bring the engine with them. */
const PLAIN = ["InputError", "OutOfMemoryError", "NotFiniteError", "ThreadDeathError"];

/** One line for what the user has to know, the stack trace of what is a bug. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return PLAIN.includes(error.name) ? printable(error.message) : (error.stack ?? error.message);
}

/** Whoever reads our output may stop early, as `head` does; that is no error. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit();
}

process.stdout.on("error", endQuietly);
process.stderr.on("error", endQuietly);
try {
  process.exitCode = await main(exactArguments(process.argv.slice(2)));
} catch (error) {
  printError(explain(error));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
