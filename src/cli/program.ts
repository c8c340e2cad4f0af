/**
 * The command line: finds the command, runs it, and turns what goes wrong into one sentence. A mistake of the user ends with
 * the sentence alone, and with exit code 2 if it is in the command line itself, 1 if it is elsewhere; anything else is a bug of
 * this program and shows its stack trace. What only helps or tells the version loads no engine.
 */
import process from "node:process";
import { InputError } from "../base/errors.ts";
import { withoutLogins } from "../base/logins.ts";
import { printable } from "../base/printable.ts";
import { exactArguments } from "../platform/path-bytes.ts";
import { codeOf, reasonOf } from "../platform/system-errors.ts";
import { UsageError } from "./arguments/usage.ts";
import { commandTable, requestOf } from "./commands.ts";
import { hasLostReader } from "./early-end.ts";
import { hideLogins } from "./hide-logins.ts";
import { printError, printLine, printText } from "./printing.ts";
import { PROGRAM } from "./summaries.ts";

const VERSION = ["--version", "-v"];

async function main(argv: readonly string[]): Promise<number> {
  if (VERSION.includes(argv[0])) {
    const { packageVersion } = await import("./package.ts");
    printLine(`${PROGRAM} ${packageVersion()} (${runtime()})`);
    return 0;
  }
  const request = requestOf(argv);
  if ("help" in request) {
    printText(request.help === "" ? programHelp() : `${commandTable(request.help)}\n`);
    return 0;
  }
  requireWorkingDirectory();
  const { run } = await request.load();
  try {
    return await run(request.argv);
  } finally {
    const { stopThreads } = await import("./threads.ts");
    await stopThreads();
  }
}

/** Threads cannot start in a directory that was deleted, and nothing that is relative to it is found. */
function requireWorkingDirectory(): void {
  try {
    process.cwd();
  } catch {
    throw new InputError("the working directory does not exist any more; change to another one");
  }
}

function programHelp(): string {
  const kernels = "MEMORIZING_KERNELS=plain in the environment gives bit-identical numbers on every engine.";
  return `Memorizing Transformers: language models that memorize what they read\n\n${commandTable("")}\n\n${kernels}\n`;
}

function runtime(): string {
  const { deno, node } = process.versions;
  return deno === undefined ? `Node ${node}` : `Deno ${deno}`;
}

/**
 * The names of errors whose message says all that a user needs; their classes would bring the engine with them. NotCapable is
 * that of Deno, which names the permission that is missing.
 */
const PLAIN = ["InputError", "UsageError", "OutOfMemoryError", "NotFiniteError", "ThreadDeathError", "NotCapable"];

/** One line for what the user has to know, the stack trace of what is a bug. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (PLAIN.includes(error.name)) return printable(error.message);
  if (codeOf(error) === "ENOSPC") return lackOf("output", error); // thrown by Deno; files have sentences
  if (codeOf(error) === "ERR_ACCESS_DENIED") return `Node does not permit it: ${deniedBy(error)}`;
  return withoutLogins(error.stack ?? error.message);
}

/** The flag of Node's permission model that would permit it. */
function deniedBy(error: Error & { readonly permission?: string; readonly resource?: string }): string {
  return printable([error.message, error.permission, error.resource].filter(Boolean).join("; "));
}

/** Ends the program when its output cannot be written, to a full disk for example. */
function endForLackOf(stream: "output" | "error"): (error: Error) => void {
  return (error) => {
    if (hasLostReader(stream, error)) return;
    process.exitCode = 1;
    printError(lackOf(stream, error), () => process.exit(1));
  };
}

function lackOf(stream: string, error: Error): string {
  return `cannot write to standard ${stream}: ${reasonOf(error)}`;
}

hideLogins();
process.stdout.on("error", endForLackOf("output"));
process.stderr.on("error", endForLackOf("error"));
try {
  process.exitCode = await main(exactArguments(process.argv.slice(2)));
} catch (error) {
  if (codeOf(error) === "EMFILE") throw error; // a command could not be loaded; main.ts has the sentence for that
  printError(explain(error));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
