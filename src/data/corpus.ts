/**
 * Documents: which files make one up, their text, and their tokens.
 *
 * In a directory every file is one document, and every sub-directory is one document too, all its files one after the
 * other, as the paper treats a repository (section 4.1). Hidden files are not looked at. A link is followed to a file in the
 * same directory and nowhere else: nothing is read that the user did not name, and nothing in circles. Order is by name, so
 * it is the same on every machine; shuffling, and cutting into segments, is left to batches.ts.
 */
import { aName, aPath, aText, check, checkOptions, type Kinds, listOf, optional, someObject } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { type DirectoryEntry, leadsToFileIn, listDirectory } from "../platform/files.ts";
import { aTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { readTextFile } from "./text-file.ts";

/** A text that is read as a whole: some files, one after another. */
export interface Document {
  /** What messages and reports call it. */
  readonly name: string;
  /** The files whose texts, joined without anything between, are the document. */
  readonly files: readonly string[];
}

/** A document as tokens. */
export interface TokenizedDocument {
  /** What messages and reports call it. */
  readonly name: string;
  /** Read and encoded at the first call, kept from then on. May be empty. */
  tokens(): Int32Array;
}

/** Which files of a directory are read. */
export interface DirectoryOptions {
  /** Only files with one of these endings are read, such as ".ts"; all files if absent. */
  extensions?: readonly string[];
}

const documentKinds: Kinds<Document> = { name: aName, files: listOf(aPath) };
const directoryKinds: Kinds<DirectoryOptions> = { extensions: optional(listOf(aText)) };

/**
 * The documents in a directory, by name; a sub-directory without a file to read is none. Every file is read once, so that
 * one which is binary or not UTF-8 is refused here and not in the middle of training.
 * @throws InputError if the directory is missing, or holds no document
 */
export function documentsInDirectory(directory: string, options: DirectoryOptions = {}): Document[] {
  check("directory", directory, aPath);
  checkOptions("options", options, directoryKinds);
  const { extensions } = options;
  const wanted = ({ path }: Entry) => extensions === undefined || extensions.some((ending) => path.endsWith(ending));
  const documents = visibleEntries(directory)
    .map((entry) => ({ name: entry.name, entries: filesIn(entry).filter(wanted) }))
    .filter(({ entries }) => entries.length > 0);
  if (documents.length === 0) {
    const kind = extensions === undefined ? "file" : `file ending in ${extensions.join(", ")}`;
    throw new InputError(`the directory ${directory} holds no ${kind}; it must have text files, one a document`);
  }
  for (const entry of documents.flatMap(({ entries }) => entries)) requireFile(entry, directory);
  return checked(documents.map(({ name, entries }) => ({ name, files: entries.map(({ path }) => path) })));
}

/** The files as documents, one each, in the order given. Every file is read once, as in `documentsInDirectory`. */
export function documentsFromFiles(paths: readonly string[]): Document[] {
  check("paths", paths, listOf(aPath));
  return checked(paths.map((path) => ({ name: path, files: [path] })));
}

/** The documents, each read once, for the sake of its errors. */
function checked(documents: Document[]): Document[] {
  for (const document of documents) textOf(document);
  return documents;
}

/** The text of a document, read anew at every call. */
export function textOf(document: Document): string {
  checkOptions("document", document, documentKinds);
  const { name, files } = document;
  try {
    return files.map(readTextFile).join("");
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(`the files of the document ${name} are too long to be one text; make it several documents`);
  }
}

/** The documents' tokens, made when they are first asked for. */
export function tokenizeDocuments(documents: readonly Document[], tokenizer: Tokenizer): TokenizedDocument[] {
  check("documents", documents, listOf(someObject));
  for (const document of documents) checkOptions("document", document, documentKinds);
  check("tokenizer", tokenizer, aTokenizer);
  return documents.map((document) => tokenizedText(document.name, () => textOf(document), tokenizer));
}

/** A document whose text is asked for once, when its tokens are. */
export function tokenizedText(name: string, text: () => string, tokenizer: Tokenizer): TokenizedDocument {
  let tokens: Int32Array | undefined;
  return { name, tokens: () => (tokens ??= tokenizer.encode(text())) };
}

interface Entry extends DirectoryEntry {
  path: string;
}

/** What a directory holds, by name, without what begins with a dot. */
function visibleEntries(directory: string): Entry[] {
  return listDirectory(directory)
    .filter(({ name }) => !name.startsWith("."))
    .map((entry) => ({ ...entry, path: `${directory.replace(/\/+$/, "")}/${entry.name}` }));
}

/** The entry itself, or every visible one that is no directory at any depth below it, sorted by path. */
function filesIn(entry: Entry): Entry[] {
  if (entry.kind !== "directory") return [entry];
  const files = visibleEntries(entry.path).flatMap(filesIn);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function requireFile({ path, kind }: Entry, directory: string): void {
  if (kind === "file") return;
  if (kind !== "link") throw new InputError(`${path} is a pipe, a socket or a device; a text file is needed`);
  if (leadsToFileIn(path, directory)) return;
  throw new InputError(`${path} is a link, but not to a file in ${directory}; put the file itself there, or name it`);
}
