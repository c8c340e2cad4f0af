/** A folder of its own for the files of a suite. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Suite } from "./harness.ts";

/**
 * Makes a folder whose name begins with `name`, and removes it after the last test of `suite`, even if what a killed process
 * started still writes into it. Returns its path.
 */
export function folderFor(suite: Suite, name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  suite.after(() => rmSync(folder, { recursive: true, maxRetries: 50 }));
  return folder;
}
