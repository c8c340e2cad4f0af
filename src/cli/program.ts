/**
 * The command line: finds the command, runs it, and turns what goes wrong into one sentence. A mistake of the user ends
 * with exit code 1 and the sentence alone; anything else is a bug of this program and shows its stack trace.
 */
import process from "node:process";
import { NotFiniteError } from "../autodiff/tape.ts";
import { nearest } from "../base/did-you-mean.ts";
import { InputError } from "../base/errors.ts";
import { codeOf, reasonOf } from "../platform/system-errors.ts";
import { formatTable } from "../report/table.ts";
import { build } from "../wasm/build.ts";
import { OutOfMemoryError } from "../wasm/heap.ts";
import { ThreadDeathError } from "../wasm/parallel.ts";
import type { Command } from "./arguments/command.ts";
import { corpusCodeCommand, corpusNamesCommand, corpusProofsCommand } from "./corpus.ts";
import { demoCommand } from "./demo/demo.ts";
import { evalCommand } from "./eval.ts";
import { experimentCommand } from "./experiment.ts";
import { exportCommand } from "./export.ts";
import { generateCommand } from "./generate.ts";
import { inspectCommand } from "./inspect.ts";
import { packageVersion } from "./package.ts";
import { readCommand } from "./read.ts";
import { stopThreads } from "./threads.ts";
import { tokenizerTrainCommand } from "./tokenizer.ts";
import { trainCommand } from "./train.ts";

const PROGRAM = "memorizing";
const commands = [
  tokenizerTrainCommand,
  trainCommand,
  readCommand,
  evalCommand,
  generateCommand,
  inspectCommand,
  exportCommand,
  corpusCodeCommand,
  corpusProofsCommand,
  corpusNamesCommand,
  experimentCommand,
  demoCommand,
];

async function main(argv: readonly string[]): Promise<number> {
  const [word = "--help"] = argv;
  if (word === "--help" || word === "-h") {
    process.stdout.write(programHelp());
    return 0;
  }
  if (word === "--version") {
    process.stdout.write(`${PROGRAM} ${packageVersion()} (${build} kernels, ${runtime()})\n`);
    return 0;
  }
  const found = commands.find((command) => wordsOf(command).every((part, index) => part === argv[index]));
  if (found === undefined) throw unknownCommand(word);
  requireWorkingDirectory();
  return found.run(argv.slice(wordsOf(found).length));
}

/** Threads cannot start in a directory that was deleted, and nothing that is relative to it is found. */
function requireWorkingDirectory(): void {
  try {
    process.cwd();
  } catch {
    throw new InputError("the working directory does not exist any more; change to another one");
  }
}

/** What is typed after the program's name. */
function wordsOf({ name }: Command): string[] {
  return name.split(" ").slice(1);
}

function unknownCommand(word: string): InputError {
  const names = commands.map((command) => wordsOf(command).join(" "));
  const guess = nearest(
    word,
    commands.map((command) => wordsOf(command)[0]),
  ); // "tokenizer" alone is near, too
  const meant = names.find((name) => name.split(" ")[0] === guess);
  const advice = meant === undefined ? `the commands are ${names.join(", ")}` : `did you mean ${PROGRAM} ${meant}?`;
  return new InputError(`${PROGRAM}: unknown command "${word}"; ${advice}`);
}

function programHelp(): string {
  const list = formatTable(
    [
      ...commands.map(({ name, summary }) => [name, summary]),
      [`${PROGRAM} COMMAND --help`, "explains a command and its options"],
      [`${PROGRAM} --version`, "prints version, kernel build and runtime"],
    ],
    "left",
  );
  const kernels = "MEMORIZING_KERNELS=plain in the environment gives the same numbers to the bit on every engine.";
  return `Memorizing Transformers: language models that memorize what they read\n\n${list}\n\n${kernels}\n`;
}

function runtime(): string {
  const { deno, node } = process.versions;
  return deno === undefined ? `Node ${node}` : `Deno ${deno}`;
}

/** Errors whose message says all that a user needs; Deno's names the permission that is missing. */
function isPlain(error: unknown): error is Error {
  if (error instanceof Error && error.name === "NotCapable") return true;
  return [InputError, OutOfMemoryError, NotFiniteError, ThreadDeathError].some((kind) => error instanceof kind);
}

/** One line for what the user has to know, the stack trace of what is a bug. */
function explain(error: unknown): string {
  if (isPlain(error)) return error.message.replaceAll(/\s*\n\s*/g, " "); // it may quote a piece of a file
  if (codeOf(error) === "ENOSPC") return lackOf("output", error as Error); // thrown by Deno; files have sentences
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Whoever reads our output may stop early, as `head` does; that is no error. Anything else is, such as a full disk. */
function endForLackOf(stream: string): (error: Error) => void {
  return (error) => {
    if (codeOf(error) === "EPIPE") process.exit();
    process.exitCode = 1;
    process.stderr.write(`${lackOf(stream, error)}\n`, () => process.exit(1));
  };
}

function lackOf(stream: string, error: Error): string {
  return `cannot write to standard ${stream}: ${reasonOf(error)}`;
}

process.stdout.on("error", endForLackOf("output"));
process.stderr.on("error", endForLackOf("error"));
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
} finally {
  await stopThreads();
}
