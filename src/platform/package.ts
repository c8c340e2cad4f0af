/** Where this package is installed: found from this file, which may run from `src` or from `dist/src`. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exists } from "./files.ts";

/** Returns the directory of package.json; undefined if these sources are none of a package on this machine's disk. */
export function packageDirectory(): string | undefined {
  if (!import.meta.url.startsWith("file:")) return undefined;
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!exists(join(directory, "package.json"))) {
    if (directory === dirname(directory)) return undefined;
    directory = dirname(directory);
  }
  return directory;
}
