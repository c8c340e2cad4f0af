/** Runs the program as its users do: as a process of its own. */
import { spawnSync } from "node:child_process";
import { extname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { HANGS } from "../in-time.ts";

const extension = extname(new URL(import.meta.url).pathname); // .ts under Deno, .js compiled
const runner = process.versions.deno === undefined ? [] : ["run", "-A"];

/** Command and arguments that start a script of this project, such as `test/cli/stubborn`, in the runtime of the tests. */
export function scriptLine(script: string, args: readonly string[]): [string, string[]] {
  const path = fileURLToPath(new URL(`../../${script}${extension}`, import.meta.url));
  return [process.execPath, [...runner, path, ...args]];
}

/** Command and arguments that start the program. */
export function commandLine(args: readonly string[]): [string, string[]] {
  return scriptLine("src/cli/main", args);
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `memorizing …args` to its end. */
export function memorizing(...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(...commandLine(args), { encoding: "utf8", timeout: HANGS });
  return { code: status, stdout, stderr };
}

/** The same, with Ctrl-C as soon as the program writes `text` to `stream`. */
export function interrupted(stream: "stdout" | "stderr", text: string, ...args: string[]): Outcome {
  return signalled("SIGINT", stream, text, ...args);
}

/** The same with what `kill` sends. */
export function terminated(stream: "stdout" | "stderr", text: string, ...args: string[]): Outcome {
  return signalled("SIGTERM", stream, text, ...args);
}

function signalled(...args: readonly string[]): Outcome {
  const [command, line] = scriptLine("test/cli/interrupted", args);
  const { status, stdout, stderr } = spawnSync(command, line, { encoding: "utf8", timeout: HANGS });
  return { code: status, stdout, stderr };
}

/** The same, with a command of the shell that runs to its end as soon as the program writes `text` to standard error. */
export function meanwhile(text: string, shell: string, ...args: string[]): Outcome {
  const [command, line] = scriptLine("test/cli/meanwhile", [text, shell, ...args]);
  const { status, stdout, stderr } = spawnSync(command, line, { encoding: "utf8", timeout: HANGS });
  return { code: status, stdout, stderr };
}
