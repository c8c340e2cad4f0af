/** Sources that are made up, for the scripts that gather a corpus: a folder of them, and a list such as models/corpus/sources.mjs. */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Outcome } from "../cli/child.ts";
import { runScript } from "./scripts.ts";

export interface MadeUpTree {
  readonly folder: string;
  /** Writes a file below `corpora`. */
  write(path: string, content: string | Uint8Array): void;
  /** Gathers `sources`, given as the text of a list, into `out`. */
  gather(sources: string, out?: string): Outcome;
  read(path: string): string;
  remove(): void;
}

export function madeUpTree(): MadeUpTree {
  const folder = fs.mkdtempSync(join(tmpdir(), "corpus-"));
  const write = (path: string, content: string | Uint8Array) => {
    fs.mkdirSync(dirname(join(folder, "corpora", path)), { recursive: true });
    fs.writeFileSync(join(folder, "corpora", path), content);
  };
  const gather = (sources: string, out = "out") => {
    const list = `const local = (name, options) => ({ registry: "local", name, version: "1", licence: "MIT", ...options });
      export const SOURCES = [${sources}];`;
    fs.writeFileSync(join(folder, "sources.mjs"), list);
    const paths = { corpora: "corpora", packages: "packages", out, sources: "sources.mjs" };
    const args = Object.entries(paths).flatMap(([name, path]) => [`--${name}`, join(folder, path)]);
    return runScript("corpus/gather.mjs", args);
  };
  const read = (path: string) => fs.readFileSync(join(folder, path), "utf8");
  return { folder, write, gather, read, remove: () => fs.rmSync(folder, { recursive: true }) };
}

/** Lines of code that no other name has. */
export function codeOf(name: string, lines: number): string {
  return Array.from({ length: lines }, (_, i) => `const ${name}Value${i} = compute("${name}", ${i});\n`).join("");
}
