/**
 * Where things are and how to start one: the sources run as they are in Deno and Node 24, and compiled in Node 20.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";

/** `.ts` where the sources themselves run, `.js` where their compiled copies do. */
const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));

/** The folder that holds package.json. */
export const root = ((): string => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
})();

/** Packages to compare with live here, outside the package's own dependencies. */
export const peersFolder = join(root, ".bench-peers");

/** The folder of the BLAS that the Python peers are given; see peers/install.ts. */
export const blasFolder = join(peersFolder, "openblas", "usr/lib/x86_64-linux-gnu/openblas-pthread");

/** The command that runs the module `name` (no extension) of this folder in the engine that runs now. */
export function moduleCommand(name: string): string[] {
  const file = fileURLToPath(new URL(`./${name}${extension}`, import.meta.url));
  return "Deno" in globalThis ? [execPath, "run", "-A", file] : [execPath, file];
}

/** The command that runs a Python script of `bench/peers` with the system's Python, which has torch, numpy and Faiss. */
export function pythonCommand(name: string): string[] {
  return ["/usr/bin/python3", join(root, "bench", "peers", name)];
}
