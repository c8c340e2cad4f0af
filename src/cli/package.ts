/** Where this program is installed, and its version: found from this file, which may run from `src` or from `dist/src`. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readJson } from "../formats/json-file.ts";
import { exists } from "../platform/files.ts";

/** The directory of package.json. */
export function packageDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!exists(join(directory, "package.json"))) directory = dirname(directory);
  return directory;
}

export function packageVersion(): string {
  const { version } = readJson(`${packageDirectory()}/package.json`) as { version: string };
  return version;
}
