/**
 * The one error type for mistakes that a user can make and mend: a wrong path, config key, tensor shape, argument.
 *
 * Its message is one sentence that names the file, key, tensor or shape at fault and says what would be right. The
 * command line prints that sentence alone, without a stack trace, and exits 1. Bugs of this program are plain Errors.
 */
import { withoutLogins } from "./logins.ts";
import { printable } from "./printable.ts";

/** A mistake that a user can make and mend, in one sentence. */
export class InputError extends Error {
  /** The name of the class, for code that sees only the name. */
  override readonly name: string = "InputError";

  /** The message may quote names of any origin: it is made one printable line, and no address in it keeps a login. */
  constructor(message: string) {
    super(printable(withoutLogins(message)));
  }
}
