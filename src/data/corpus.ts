/**
 * Documents: which files make one up, their text to the letter, and their tokens. A file that is not text is refused.
 *
 * In a directory every file is one document, and every sub-directory is one document too, all its files one after the
 * other, as the paper treats a repository (section 4.1). Which files are looked at is decided in directory.ts; shuffling, and
 * cutting into segments, is left to batches.ts.
 */
import {
  aFunction,
  aName,
  aPath,
  aText,
  check,
  checkOptions,
  type Kinds,
  listOf,
  optional,
  someObject,
  withMethods,
} from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { decodeUnicode, encodingOf } from "../base/unicode.ts";
import { pathText } from "../platform/path-bytes.ts";
import { isStream, type Reading, readTextBytes } from "../platform/read-file.ts";
import type { EncodingOptions } from "../text/calls.ts";
import { aTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { type EntryFiles, endingIn, entriesIn, type Selection, visible } from "./directory.ts";

/** A text that is read as a whole: some files, one after another. */
export interface Document {
  /** Its name in messages and reports. */
  readonly name: string;
  /** The files whose texts, joined without anything between, are the document. */
  readonly files: readonly string[];
  /** The text itself, of a pipe and of all else that can be read only once. */
  readonly text?: string;
}

/** A document as tokens. */
export interface TokenizedDocument {
  /** Its name in messages and reports. */
  readonly name: string;
  /** Read and encoded at the first call, kept from then on. May be empty. */
  tokens(): Int32Array;
}

/** Which files of a directory are read. */
export interface DirectoryOptions {
  /** Only files with one of these endings are read, such as ".ts"; all files if absent. */
  extensions?: readonly string[];
  /** Decides in their place which files are read. */
  selection?: Selection;
  /** Called for each binary file, which is left out then; without it, such a file is refused. */
  onBinary?: (path: string) => void;
}

const documentKinds: Kinds<Document> = { name: aName, files: listOf(aPath), text: optional(aText) };
const directoryKinds: Kinds<DirectoryOptions> = {
  extensions: optional(listOf(aText)),
  selection: optional(withMethods("a selection of files", "chooses")),
  onBinary: optional(aFunction),
};

/**
 * The documents in a directory, by name; a sub-directory without a file to read is none. Every file is read once, so that
 * one which is binary or not UTF-8 is found here and not in the middle of training.
 * @throws InputError if the directory is missing, or holds no document
 */
export function documentsInDirectory(directory: string, options: DirectoryOptions = {}): Document[] {
  check("directory", directory, aPath);
  checkOptions("options", options, directoryKinds);
  const { extensions, selection = extensions === undefined ? visible : endingIn(extensions), onBinary } = options;
  const advice = "it must have text files, one a document";
  const entries = entriesIn(directory, selection);
  if (entries.length === 0) throw new InputError(`the directory ${directory} holds no ${selection.what}; ${advice}`);
  const documents = entries.map((entry) => readableDocument(entry, onBinary)).filter(({ files }) => files.length > 0);
  if (documents.length === 0) throw new InputError(`the directory ${directory} holds only binary files; ${advice}`);
  return documents;
}

/**
 * The files as documents, one each, in the order given. Every file is read once, as in `documentsInDirectory`, and pipes, named
 * ones as well, only then.
 */
export function documentsFromFiles(paths: readonly string[]): Document[] {
  check("paths", paths, listOf(aPath));
  return paths.map((path) => {
    const document = { name: pathText(path), files: [path] };
    const once = isStream(path);
    const text = readTextFile(path, { namedPipes: true });
    return once ? { ...document, text } : document;
  });
}

/** The text of a document. Its files are read again at every call. */
export function textOf(document: Document): string {
  checkOptions("document", document, documentKinds);
  const { name, files, text } = document;
  return text ?? joined(name, () => files.map((file) => readTextFile(file)));
}

/** The document of an entry, each file of it read once, for the sake of its errors. */
function readableDocument({ name, files }: EntryFiles, onBinary?: (path: string) => void): Document {
  const texts = new Map<string, string>();
  for (const file of files) {
    try {
      texts.set(file, readTextFile(file));
    } catch (error) {
      if (!(error instanceof BinaryFileError) || onBinary === undefined) throw error;
      onBinary(file);
    }
  }
  joined(name, () => [...texts.values()]);
  return { name: pathText(name), files: [...texts.keys()] };
}

/** One text of several, if it is not longer than an engine's longest. */
function joined(name: string, texts: () => readonly string[]): string {
  try {
    return texts().join("");
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(`the files of the document ${name} are too long to be one text; make it several documents`);
  }
}

/** The documents' tokens, made when they are first asked for. `options` say how each text is encoded. */
export function tokenizeDocuments(
  documents: readonly Document[],
  tokenizer: Tokenizer,
  options: EncodingOptions = {},
): TokenizedDocument[] {
  check("documents", documents, listOf(someObject));
  for (const document of documents) checkOptions("document", document, documentKinds);
  check("tokenizer", tokenizer, aTokenizer);
  return documents.map((document) => tokenizedText(document.name, () => textOf(document), tokenizer, options));
}

/** A document whose text is asked for once, when its tokens are. */
export function tokenizedText(
  name: string,
  text: () => string,
  tokenizer: Tokenizer,
  options: EncodingOptions = {},
): TokenizedDocument {
  let tokens: Int32Array | undefined;
  return { name, tokens: () => (tokens ??= tokenizer.encode(text(), options)) };
}

/** A file that is not text in any encoding, such as a picture. */
export class BinaryFileError extends InputError {}

/**
 * Returns the text of one file to the letter: UTF-8 with a byte order mark kept as the character it is, or UTF-16, whose mark is
 * not part of the text; line ends as they are. Refusals name the file and the place, since a wrong file among thousands must be
 * found.
 * @throws BinaryFileError for a file that is not text, InputError for a text of another encoding
 */
export function readTextFile(path: string, reading: Reading = {}): string {
  const check = (beginning: Uint8Array) => requireNoZero(beginning, path);
  const bytes = readTextBytes(path, { ...reading, check });
  requireNoZero(bytes, path);
  const text = decodeUnicode(bytes);
  if (typeof text !== "string") {
    const { encoding, offset } = text;
    if (encoding === "UTF-16") refuseBinary(path, `it begins as UTF-16, but is none at byte offset ${offset}`);
    const control = bytes.findIndex(isControl);
    if (control >= 0) refuseBinary(path, `byte ${control} is a control character`);
    throw new InputError(`${path} is not UTF-8 at byte offset ${offset}; convert it to UTF-8 first`);
  }
  const zero = text.indexOf("\0");
  if (zero >= 0) refuseBinary(path, `character ${zero} is zero`);
  return text;
}

/** In UTF-16 every other byte may be zero. */
function requireNoZero(bytes: Uint8Array, path: string): void {
  const zero = encodingOf(bytes) === "UTF-8" ? bytes.indexOf(0) : -1;
  if (zero >= 0) refuseBinary(path, `byte ${zero} is zero`);
}

/** Whether no text in any encoding has such a byte: a control other than tabs, line ends and the like, and escape. */
function isControl(byte: number): boolean {
  return byte < 7 || (byte > 13 && byte < 32 && byte !== 27) || byte === 127;
}

function refuseBinary(path: string, reason: string): never {
  throw new BinaryFileError(`${path} is a binary file (${reason}), a text file is needed`);
}
