/** Mistakes in the command line itself, which a reader of `--help` would not make. The program exits 2 for them, as others do. */
import { InputError } from "../../base/errors.ts";

export class UsageError extends InputError {}

/** Runs `read`, whose InputErrors are all about how the command was typed, and throws them as UsageErrors. */
export function asUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new UsageError(error.message);
  }
}
