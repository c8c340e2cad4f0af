/** Takes logins out of the command line that other users of the machine see (`ps`). */
import process from "node:process";
import { withoutLogins } from "../base/logins.ts";

/** Until here they were to be seen; a file or the environment shows them to nobody at any time. */
export function hideLogins(): void {
  const line = process.argv.join(" ");
  const shown = withoutLogins(line);
  if (shown !== line) process.title = shown; // the system has its bytes where those of the command line were
}
