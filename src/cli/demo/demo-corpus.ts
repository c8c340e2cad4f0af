/**
 * The documents of the demo: real text that is on every machine after `npm install`, the TypeScript and AssemblyScript
 * sources and declarations in node_modules.
 *
 * A directory there is one document, all its files one after the other, as the paper treats a repository (section 4.1); a
 * large one is several, parted between files. Some are held out, by name, so that every machine has the same documents.
 */

import { InputError } from "../../base/errors.ts";
import { type Document, documentsInDirectory, readTextFile } from "../../data/corpus.ts";
import { writeFileAtomic } from "../../platform/atomic-write.ts";

/** Declarations of three libraries that nothing else repeats, each long enough for a memory of thousands. */
const HELD_OUT = ["@huggingface", "binaryen", "undici-types"];
const MOST_CHARACTERS = { training: 200_000, heldOut: 48_000 };
/** Packages with less are mostly a line that says where their types are. */
const LEAST_CHARACTERS = 2_000;

/** Directories of documents, one file each. */
export interface DemoCorpus {
  readonly training: string;
  readonly heldOut: string;
  /** Paths of the held-out documents, by name. */
  readonly heldOutFiles: readonly string[];
}

/** Writes the documents that the sources in `nodeModules` make below `directory`. */
export function writeDemoCorpus(nodeModules: string, directory: string): DemoCorpus {
  const packages = documentsInDirectory(nodeModules, { extensions: [".ts"] });
  const missing = HELD_OUT.find((name) => !packages.some((document) => document.name === name));
  if (missing !== undefined) {
    throw new InputError(
      `${nodeModules} has no ${missing}, which the demo evaluates; run npm install in a clone first`,
    );
  }
  const [training, heldOut] = [`${directory}/training`, `${directory}/held-out`];
  const heldOutFiles: string[] = [];
  for (const document of packages) {
    if (!HELD_OUT.includes(document.name))
      writeParts(training, document.name, partsOf(document, MOST_CHARACTERS.training));
    else
      heldOutFiles.push(...writeParts(heldOut, document.name, partsOf(document, MOST_CHARACTERS.heldOut).slice(0, 1)));
  }
  return { training, heldOut, heldOutFiles };
}

/** Joins the texts of a document's files up to `most` characters. Each single text is cut there as well. */
function partsOf({ files }: Document, most: number): string[] {
  const parts: string[] = [];
  for (const text of files.map((file) => cutAfterLine(readTextFile(file), most))) {
    const last = parts.at(-1);
    if (last !== undefined && last.length + text.length <= most) parts[parts.length - 1] = last + text;
    else parts.push(text);
  }
  return parts.filter(({ length }) => length >= LEAST_CHARACTERS);
}

/** At most `most` characters from the beginning of `text`, whole lines. */
function cutAfterLine(text: string, most: number): string {
  return text.length <= most ? text : text.slice(0, text.lastIndexOf("\n", most - 1) + 1);
}

/** Writes each part to a file of its own, and returns the paths. */
function writeParts(directory: string, name: string, parts: readonly string[]): string[] {
  return parts.map((part, index) => {
    const path = `${directory}/${name}${parts.length === 1 ? "" : `-${String(index + 1).padStart(2, "0")}`}.ts`;
    writeFileAtomic(path, part);
    return path;
  });
}
