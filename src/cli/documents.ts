/** Documents as users name them: files, directories whose entries are documents, and `-` for standard input. */
import { InputError } from "../base/errors.ts";
import { type Document, documentsFromFiles, documentsInDirectory, textOf } from "../data/corpus.ts";
import { isDirectory } from "../platform/files.ts";
import { isStream, STANDARD_INPUT, streamName } from "../platform/read-file.ts";
import type { ProgressLine } from "../report/progress.ts";
import { texts } from "./arguments/options.ts";
import { globSelection } from "./globs.ts";

/** Which files of directories are read. */
export const selectionOptions = {
  include: texts("GLOB", 'files of directories that are read, such as "*.md" or "src/**" [all]'),
  exclude: texts("GLOB", "files and folders of directories that are not"),
};

export interface Chosen {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/**
 * The documents at `paths`, in that order. Binary files in directories are left out and counted in one line.
 * @throws InputError if one cannot be read, or none has any text
 */
export function documentsAt(
  paths: readonly string[],
  { include, exclude }: Chosen,
  progress: ProgressLine,
): Document[] {
  requireDistinctStreams(paths);
  const selection = globSelection(include, exclude);
  const binary: string[] = [];
  const onBinary = (path: string) => binary.push(path);
  const documents = paths.flatMap((path) =>
    isDirectory(path) ? documentsInDirectory(path, { selection, onBinary }) : [documentOf(path)],
  );
  if (binary.length === 1) progress.note(`left out a binary file, ${binary[0]}`);
  if (binary.length > 1) progress.note(`left out ${binary.length} binary files, the first of them ${binary[0]}`);
  requireText(documents);
  return documents;
}

/** The document that is a file, or standard input. Throws an InputError if it cannot be read or has no text. */
export function documentAt(path: string): Document {
  const document = documentOf(path);
  requireText([document]);
  return document;
}

function documentOf(path: string): Document {
  if (path !== "-") return documentsFromFiles([path])[0];
  return { ...documentsFromFiles([STANDARD_INPUT])[0], name: "(standard input)" };
}

/** A pipe gives its content once; opening a named pipe again would wait for ever. */
function requireDistinctStreams(paths: readonly string[]): void {
  const seen = new Set<string>();
  for (const path of paths.map((given) => (given === "-" ? STANDARD_INPUT : given)).filter(isStream)) {
    if (seen.has(streamName(path))) throw new InputError(`${path} can be read only once; name it once`);
    seen.add(streamName(path));
  }
}

function requireText(documents: readonly Document[]): void {
  if (documents.length === 0 || documents.some((document) => textOf(document) !== "")) return;
  const empty = documents.length === 1 ? `${documents[0].name} is` : `all of the ${documents.length} documents are`;
  throw new InputError(`${empty} empty, a text is needed`);
}
