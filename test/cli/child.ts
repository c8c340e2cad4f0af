/** Runs the program as its users do: as a process of its own. */
import { spawnSync } from "node:child_process";
import { extname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const extension = extname(new URL(import.meta.url).pathname); // .ts under Deno, .js compiled
const program = fileURLToPath(new URL(`../../src/cli/main${extension}`, import.meta.url));
const runner = process.versions.deno === undefined ? [program] : ["run", "-A", program];

/** Command and arguments that start the program. */
export function commandLine(args: readonly string[]): [string, string[]] {
  return [process.execPath, [...runner, ...args]];
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `memorizing …args` to its end. */
export function memorizing(...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(...commandLine(args), { encoding: "utf8", timeout: 60_000 });
  return { code: status, stdout, stderr };
}
