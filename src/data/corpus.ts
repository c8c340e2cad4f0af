/**
 * Documents: which files make one up, their text, and their tokens.
 *
 * In a directory every file is one document, and every sub-directory is one document too, all its files one after the
 * other, as the paper treats a repository (section 4.1). Hidden files are not looked at. Order is by name, so it is the
 * same on every machine; shuffling, and cutting into segments, is left to batches.ts.
 */
import { InputError } from "../errors.ts";
import { listDirectory } from "../platform.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { readTextFile } from "./text-file.ts";

export interface Document {
  readonly name: string;
  /** The files whose texts, joined without anything between, are the document. */
  readonly files: readonly string[];
}

export interface TokenizedDocument {
  readonly name: string;
  /** Read and encoded at the first call, kept from then on. May be empty. */
  tokens(): Int32Array;
}

export interface DirectoryOptions {
  /** Only files with one of these endings are read, such as ".ts"; all files if absent. */
  extensions?: readonly string[];
}

/**
 * The documents in a directory, by name; a sub-directory without a file to read is none. Every file is read once, so that
 * one which is binary or not UTF-8 is refused here and not in the middle of training.
 * @throws InputError if the directory is missing, or holds no document
 */
export function documentsInDirectory(directory: string, { extensions }: DirectoryOptions = {}): Document[] {
  const wanted = (path: string) => extensions === undefined || extensions.some((ending) => path.endsWith(ending));
  const documents = visibleEntries(directory)
    .map(({ name, path, isDirectory }) => ({ name, files: (isDirectory ? filesBelow(path) : [path]).filter(wanted) }))
    .filter(({ files }) => files.length > 0);
  if (documents.length === 0) {
    const kind = extensions === undefined ? "file" : `file ending in ${extensions.join(", ")}`;
    throw new InputError(`the directory ${directory} holds no ${kind}; it must have text files, one a document`);
  }
  for (const document of documents) textOf(document);
  return documents;
}

/** The files as documents, one each, in the order given. Every file is read once, as in `documentsInDirectory`. */
export function documentsFromFiles(paths: readonly string[]): Document[] {
  const documents = paths.map((path) => ({ name: path, files: [path] }));
  for (const document of documents) textOf(document);
  return documents;
}

/** The text of a document, read anew at every call. */
export function textOf(document: Document): string {
  return document.files.map(readTextFile).join("");
}

/** The documents' tokens, made when they are first asked for. */
export function tokenizeDocuments(documents: readonly Document[], tokenizer: Tokenizer): TokenizedDocument[] {
  return documents.map((document) => {
    let tokens: Int32Array | undefined;
    return { name: document.name, tokens: () => (tokens ??= tokenizer.encode(textOf(document))) };
  });
}

interface Entry {
  name: string;
  path: string;
  isDirectory: boolean;
}

/** What a directory holds, by name, without what begins with a dot. */
function visibleEntries(directory: string): Entry[] {
  return listDirectory(directory)
    .filter(({ name }) => !name.startsWith("."))
    .map(({ name, isDirectory }) => ({ name, path: `${directory.replace(/\/+$/, "")}/${name}`, isDirectory }));
}

/** Every visible file at any depth, sorted by path. */
function filesBelow(directory: string): string[] {
  return visibleEntries(directory)
    .flatMap(({ path, isDirectory }) => (isDirectory ? filesBelow(path) : [path]))
    .sort();
}
