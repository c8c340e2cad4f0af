/** The scripts in models/, which are no part of the program: run as processes, or imported without their types. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { packageDirectory } from "../../src/cli/package.ts";
import type { Outcome } from "../cli/child.ts";
import { HANGS } from "../in-time.ts";

const pathOf = (script: string) => `${packageDirectory()}/models/${script}`;
const runner = process.versions.deno === undefined ? [] : ["run", "-A"];

export function runScript(script: string, args: readonly string[], env = process.env): Outcome {
  const line = [...runner, pathOf(script), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, line, { encoding: "utf8", timeout: HANGS, env });
  return { code: status, stdout, stderr };
}

/** What a module in models/ exports. */
export async function importScript<T>(script: string): Promise<T> {
  return (await import(pathToFileURL(pathOf(script)).href)) as T;
}
