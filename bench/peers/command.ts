/** Runs the programs that install peers. */
import { spawnSync } from "node:child_process";

/** Runs a program in the folder `cwd`, with its output on our standard error; returns whether it succeeded. */
export function succeeds([program, ...rest]: readonly string[], cwd: string): boolean {
  return spawnSync(program, rest, { cwd, stdio: ["ignore", 2, 2] }).status === 0;
}
