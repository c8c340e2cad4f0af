/**
 * Which program computes. Only the same sources with the same build of the kernels are sure to give the same bits, so jobs are queued
 * for one program, and workers take those of their own.
 */
import { createHash } from "node:crypto";
import { dirname, extname } from "node:path";
import { fileURLToPath } from "node:url";
import { readFile } from "../platform/read-file.ts";
import { build } from "../wasm/build.ts";
import { filesBelow } from "./files.ts";

const MOST_OF_SOURCE = 2 ** 26;

let name: string | undefined;

/** SHA-256, 64 hexadecimal digits, over this program's files and the build of its kernels. */
export function programName(): string {
  return (name ??= digestOfSources());
}

function digestOfSources(): string {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const ending = extname(fileURLToPath(import.meta.url)); // .js as it is installed, .ts as Deno runs it
  const hash = createHash("sha256").update(build);
  const files = [...filesBelow(root)].filter(([path]) => path.endsWith(ending)).sort();
  for (const [path, file] of files) hash.update(`\n${path}\n`).update(readFile(file, MOST_OF_SOURCE));
  return hash.digest("hex");
}
