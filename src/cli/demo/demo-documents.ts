/**
 * The documents that the shipped model reads in the demo: this program's own sources, which come with every copy of it and were written
 * after the model was trained on others. Most files are read first; a room of the house that builds on them is the test.
 */
import { relative } from "node:path";
import { type Document, documentsFromFiles, documentsInDirectory, readTextFile } from "../../data/corpus.ts";
import { isDirectory } from "../../platform/files.ts";
import type { FileOfText } from "../../report/html/client/place-of-line.ts";

const READ = ["src/nn", "src/autodiff", "src/memory"];
const TESTED = "src/model";

export interface DemoDocuments {
  /** Every file by itself, in the order in which they are read. */
  readonly read: readonly Document[];
  /** All files of the test as one document, and where in it each of them begins. */
  readonly tested: Document;
  readonly testedFiles: readonly FileOfText[];
}

/** Names are paths in `directory`, that of package.json. */
export function demoDocuments(directory: string): DemoDocuments {
  const named = (path: string): Document => ({ name: relative(directory, path), files: [path] });
  const read = READ.flatMap((path) => filesAt(`${directory}/${path}`)).map(named);
  const tested = filesAt(`${directory}/${TESTED}`);
  let firstLine = 1;
  const testedFiles = tested.map((path) => {
    const file = { name: relative(directory, path), firstLine };
    firstLine += readTextFile(path).split("\n").length - 1;
    return file;
  });
  return { read, tested: { name: TESTED, files: tested }, testedFiles };
}

function filesAt(path: string): string[] {
  const documents = isDirectory(path) ? documentsInDirectory(path) : documentsFromFiles([path]);
  return documents.flatMap(({ files }) => files);
}
