/** Runs commands in this process: many times faster than as processes of their own, with the same outcome. */
import process from "node:process";
import * as assert from "uvu/assert";
import { InputError } from "../../src/base/errors.ts";
import type { Command } from "../../src/cli/arguments/command.ts";
import { calibrateCommand } from "../../src/cli/calibrate.ts";
import { corpusCodeCommand, corpusNamesCommand, corpusProofsCommand } from "../../src/cli/corpus.ts";
import { curvesCommand } from "../../src/cli/curves.ts";
import { evalCommand } from "../../src/cli/eval.ts";
import { experimentCommand } from "../../src/cli/experiment.ts";
import { exportCommand } from "../../src/cli/export.ts";
import { generateCommand } from "../../src/cli/generate.ts";
import { infoCommand } from "../../src/cli/info.ts";
import { inspectCommand } from "../../src/cli/inspect.ts";
import { readCommand } from "../../src/cli/read.ts";
import { tokenizerTrainCommand } from "../../src/cli/tokenizer.ts";
import { trainCommand } from "../../src/cli/train.ts";
import type { Outcome } from "./child.ts";

const commands: readonly Command[] = [
  tokenizerTrainCommand,
  trainCommand,
  curvesCommand,
  readCommand,
  evalCommand,
  generateCommand,
  inspectCommand,
  infoCommand,
  exportCommand,
  calibrateCommand,
  corpusCodeCommand,
  corpusProofsCommand,
  corpusNamesCommand,
  experimentCommand,
];

/** Runs `memorizing …args` to its end, on one thread. Errors that are not the user's are thrown. */
export async function runHere(...args: string[]): Promise<Outcome> {
  const words = (command: Command) => command.name.split(" ").slice(1);
  const found = commands.find((command) => words(command).every((word, i) => word === args[i]));
  if (found === undefined) throw new Error(`no command in ${args.join(" ")}`);
  const isThreaded = !["tokenizer", "info", "export", "corpus", "curves"].includes(args[0]);
  const line = [...args.slice(words(found).length), ...(isThreaded ? ["--threads", "1"] : [])];
  const [stdout, stderr] = [captured(process.stdout), captured(process.stderr)];
  try {
    const code = await found.run(line);
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { code: 1, stdout: stdout.text(), stderr: `${stderr.text()}${error.message}\n` };
  } finally {
    stdout.restore();
    stderr.restore();
  }
}

/** Runs a command that must succeed. Returns what it prints. */
export async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runHere(...args);
  assert.is(code, 0, stderr);
  return stdout;
}

/** Runs a command that must be refused. Returns its sentence; only progress and a remark about the tokenizer may precede it. */
export async function refused(...args: string[]): Promise<string> {
  const { code, stderr } = await runHere(...args);
  assert.is.not(code, 0, args.join(" "));
  const lines = stderr.trimEnd().split("\n");
  const others = lines.slice(0, -1).filter((line) => !/: the tokenizer turns ▁ into a space| tokens\/s /.test(line));
  assert.equal(others, [], "one sentence, and what is to be known of the model");
  return lines.at(-1) as string;
}

/** Keeps what is written to the stream until it is restored. */
function captured(stream: NodeJS.WriteStream): { text: () => string; restore: () => void } {
  const { write } = stream;
  let text = "";
  stream.write = (piece: string | Uint8Array) => {
    text += typeof piece === "string" ? piece : new TextDecoder().decode(piece);
    return true;
  };
  return { text: () => text, restore: () => Object.assign(stream, { write }) };
}
