/** Documents as users name them: files, and directories of which every entry is a document. */
import { type Document, documentsFromFiles, documentsInDirectory } from "../data/corpus.ts";
import { isDirectory } from "../platform/files.ts";

export function documentsAt(paths: readonly string[]): Document[] {
  return paths.flatMap((path) => (isDirectory(path) ? documentsInDirectory(path) : documentsFromFiles([path])));
}
