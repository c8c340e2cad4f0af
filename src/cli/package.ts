/** The program's own package: its directory and version. */
import { InputError } from "../base/errors.ts";
import { readJson } from "../formats/json-file.ts";
import { packageDirectory as installedAt } from "../platform/package.ts";

/**
 * Returns the directory of package.json.
 * @throws InputError if there is none
 */
export function packageDirectory(): string {
  const directory = installedAt();
  if (directory === undefined) throw new InputError("the program does not find its own package.json; install it again");
  return directory;
}

export function packageVersion(): string {
  const { version } = readJson(`${packageDirectory()}/package.json`) as { version: string };
  return version;
}
