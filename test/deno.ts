/** Deno as a process of its own, for tests that run in Deno. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Outcome } from "./cli/child.ts";

/** Runs Deno with these arguments alone; from a file, since Deno adds its own to any command in which it sees itself. */
export function deno(args: readonly string[], cwd: string, input = ""): Outcome {
  const folder = fs.mkdtempSync(join(tmpdir(), "deno-"));
  try {
    const script = join(folder, "run.sh");
    fs.writeFileSync(script, `exec '${process.execPath}' "$@"\n`);
    const { status, stdout, stderr } = spawnSync("sh", [script, ...args], { cwd, input, encoding: "utf8" });
    return { code: status, stdout, stderr };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
