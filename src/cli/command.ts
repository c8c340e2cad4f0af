/**
 * A command: what its arguments are, described once, and what it does with them. Parsing and `--help` both read the
 * description.
 */
import process from "node:process";
import { readOperand, readValues, splitArguments } from "./arguments.ts";
import { helpText } from "./help.ts";
import type { Options, Values } from "./options.ts";

export interface CommandDescription<O extends Options = Options> {
  /** As it is typed: `memorizing tokenizer train`. */
  readonly name: string;
  /** What the command does, in a few words. */
  readonly summary: string;
  /** What stands for the one argument that is no option, such as MODEL. */
  readonly operand?: string;
  readonly options: O;
  /** Printed by `--help` below the options. */
  readonly details?: () => string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Parses the arguments, works, prints; resolves to the exit code. */
  run(argv: readonly string[]): Promise<number>;
}

/**
 * The command of a description. `work` gets the values of the options and the operand, which is empty for a command that
 * takes none, and resolves to the exit code.
 */
export function command<O extends Options>(
  description: CommandDescription<O>,
  work: (values: Values<O>, operand: string) => Promise<number>,
): Command {
  const { name, summary } = description;
  const run = async (argv: readonly string[]) => {
    const given = splitArguments(argv, description);
    if (given.help) {
      process.stdout.write(helpText(description));
      return 0;
    }
    return work(readValues(given, description), readOperand(given, description));
  };
  return { name, summary, run };
}
