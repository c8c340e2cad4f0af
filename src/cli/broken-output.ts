/** Standard output and error, when nobody takes what is written: the program ends, and says why unless it was told to stop. */
import process from "node:process";

/** Ends the program when its output fails. A reader may stop early, as `head` does; that is no error. */
export function endWithOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    process.stderr.write(`${outputFailure(error) ?? error.message}\n`);
    process.exit(1);
  });
  process.stderr.on("error", ({ code }: NodeJS.ErrnoException) => process.exit(code === "EPIPE" ? undefined : 1));
}

/** Returns the sentence for a disk that is full; undefined if that is not the error. Deno throws it where Node emits it. */
export function outputFailure(error: unknown): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" ? "cannot write to standard output: the disk is full" : undefined;
}
