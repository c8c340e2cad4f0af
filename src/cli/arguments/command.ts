/**
 * A command: what its arguments are, described once, and what it does with them. Parsing and `--help` both read the
 * description.
 */
import { printText } from "../printing.ts";
import { readOperands, readValues, splitArguments } from "./arguments.ts";
import { helpText } from "./help.ts";
import type { CommandDescription, Options, Values } from "./options.ts";
import { asUsage } from "./usage.ts";

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Parses the arguments, works, prints; resolves to the exit code. */
  run(argv: readonly string[]): Promise<number>;
}

/** The command of a description. `work` gets the values of the options and the operands, and resolves to the exit code. */
export function command<O extends Options>(
  description: CommandDescription<O>,
  work: (values: Values<O>, operands: readonly string[]) => Promise<number>,
): Command {
  const { name, summary } = description;
  const run = async (argv: readonly string[]) => {
    const given = asUsage(() => splitArguments(argv, description));
    if (given.help) {
      printText(helpText(description));
      return 0;
    }
    const operands = asUsage(() => readOperands(given, description));
    return work(
      asUsage(() => readValues(given, description)),
      operands,
    );
  };
  return { name, summary, run };
}
