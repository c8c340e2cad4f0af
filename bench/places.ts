/**
 * Paths, and commands that start a process. Deno and Node 24 run the sources as they are; Node 20 runs compiled copies.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { env, execPath, platform } from "node:process";
import { fileURLToPath } from "node:url";

/** `.ts` where the sources run, `.js` where their compiled copies run. */
const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));

/** The folder that holds package.json. */
export const root = ((): string => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
})();

/** The folder of the peers' packages, outside the package's own dependencies. */
export const peersFolder = join(root, ".bench-peers");

/** The virtual environment of the Python peers, and its interpreter; see peers/python.ts. */
export const venvFolder = join(peersFolder, "python");
export const venvPython = join(venvFolder, platform === "win32" ? "Scripts/python.exe" : "bin/python");

/** The model of the benchmarks that read and write: `BENCH_MODEL` of the environment, or what models/smollm2.sh brings. */
export const modelFolder = join(root, "node_modules", ".cache", "memorizing-transformer");
export const modelFile = env.BENCH_MODEL ?? join(modelFolder, "SmolLM2-135M-Instruct.Q4_1.gguf");

/** The folder of the BLAS for the system's Python; see peers/python.ts. */
export const blasFolder = join(peersFolder, "openblas", "usr/lib/x86_64-linux-gnu/openblas-openmp");

/** Returns the command that runs the module `name` (no extension) of this folder in the current engine. */
export function moduleCommand(name: string): string[] {
  const file = fileURLToPath(new URL(`./${name}${extension}`, import.meta.url));
  return "Deno" in globalThis ? [execPath, "run", "-A", file] : [execPath, file];
}

/** Whether the Python peers have an environment of their own; if not, they run in the system's Python. */
export function hasVenv(): boolean {
  return existsSync(venvPython);
}

/** Returns the command that runs a Python script of `bench/peers`. */
export function pythonCommand(name: string): string[] {
  return [hasVenv() ? venvPython : "/usr/bin/python3", join(root, "bench", "peers", name)];
}
