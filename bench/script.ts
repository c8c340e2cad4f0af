/** The frame of a script: what is wrong with its options or its input is one sentence and exit code 1, not a stack trace. */
import { exit, stderr } from "node:process";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { InputError } from "../src/base/errors.ts";

/** The options of the script, as `parseArgs` reads them. */
export function scriptOptions<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    return refuse(error as Error);
  }
}

/** Runs the program of a file. */
export async function runScript(main: () => void | Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    refuse(error);
  }
}

function refuse({ message }: Error): never {
  stderr.write(`${message}\n`);
  exit(1);
}
