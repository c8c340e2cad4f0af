/**
 * Makes a corpus of a directory of sources: documents, one file each, in train, valid and test.
 *
 * A document is a folder of sources, all its files one after the other, as the paper treats a repository (section 4.1), or a
 * file that stands alone. Names alone decide what is held out, so every machine with the same sources has the same corpus.
 */

import { murmur3 } from "../base/digest.ts";
import { InputError } from "../base/errors.ts";
import { writeFileAtomic } from "../platform/atomic-write.ts";
import { listDirectory } from "../platform/files.ts";
import { pathText } from "../platform/path-bytes.ts";
import { readTextFile } from "./corpus.ts";

export interface SourceKind {
  /** Files with one of these endings are read. */
  readonly endings: readonly string[];
  /** Folders and files of these names are not. */
  readonly skipped: readonly string[];
  /** Levels of folders that set documents apart: with 2, `Data/List` is one and `Data/Nat` is another. */
  readonly depth: number;
}

/** Characters: a longer document is parted, a shorter one left out, and only from `heldOut` on one is valid or test. */
export interface DocumentLengths {
  readonly least: number;
  readonly heldOut: number;
  readonly most: number;
}

const LENGTHS: DocumentLengths = { least: 20_000, heldOut: 60_000, most: 150_000 };

/** Of every five documents that are long enough, one goes to valid and one to test, until those have enough. */
const HELD_OUT_SHARE = 1 / 5;
const MOST_HELD_OUT = 8;

/** More text would make the vocabulary's training long, and nothing better. */
const MOST_TRAINING = 16_000_000;

export const splits = ["train", "valid", "test"] as const;
export type Split = (typeof splits)[number];

/** Documents and characters of each split. */
export type CorpusSizes = Readonly<Record<Split, { readonly documents: number; readonly characters: number }>>;

/** A folder of sources, or a file that stands alone; as a document, or as one part of one, `name` is that of its file. */
interface SourceText {
  readonly name: string;
  readonly text: string;
}

/**
 * Writes the corpus that the sources below `root` make into `out`.
 * @throws InputError if there are not three documents, two of them long enough to be held out
 */
export function gatherCorpus(root: string, out: string, kind: SourceKind, lengths = LENGTHS): CorpusSizes {
  const sources = sourcesBelow(root, kind).filter(({ text }) => text.length >= lengths.least);
  const documents = split(sources, lengths);
  const few = splits.find((name) => documents[name].length === 0);
  if (few !== undefined) {
    const found = `${sources.length} documents of at least ${lengths.least} characters`;
    throw new InputError(`${root} has ${found} in files ending in ${kind.endings.join(", ")}, too few for ${few}`);
  }
  const sizes = splits.map((name) => {
    for (const document of documents[name]) writeFileAtomic(`${out}/${name}/${document.name}`, document.text);
    const characters = documents[name].reduce((sum, { text }) => sum + text.length, 0);
    return [name, { documents: documents[name].length, characters }] as const;
  });
  return Object.fromEntries(sizes) as CorpusSizes;
}

/**
 * In an order that the names' digests decide: first those for test, then those for valid, then as much as train takes. No
 * source is on two sides: of one that is held out the first part is a document, and what follows it is left out.
 */
function split(sources: readonly SourceText[], { least, heldOut, most }: DocumentLengths): Record<Split, SourceText[]> {
  const digest = ({ name }: SourceText) => murmur3(new TextEncoder().encode(name), 0);
  const shuffled = sources.toSorted((a, b) => digest(a) - digest(b));
  const long = shuffled.filter(({ text }) => text.length >= heldOut);
  const share = Math.min(MOST_HELD_OUT, Math.floor(long.length * HELD_OUT_SHARE));
  const count = long.length < 2 ? 0 : Math.max(1, share);
  const held = long.slice(0, 2 * count);
  const first = (source: SourceText) => documentsOf(source, most)[0];
  let characters = 0;
  const train = shuffled
    .filter((source) => !held.includes(source))
    .flatMap((source) => documentsOf(source, most))
    .filter(({ text }) => {
      characters += text.length;
      return text.length >= least && characters <= MOST_TRAINING;
    });
  return { train, valid: held.slice(count).map(first), test: held.slice(0, count).map(first) };
}

/** The source itself, or numbered parts of it. */
function documentsOf({ name, text }: SourceText, most: number): SourceText[] {
  const parts = partsOf(text, most);
  if (parts.length === 1) return [{ name, text }];
  const dot = name.lastIndexOf(".");
  const nameOf = (i: number) => `${name.slice(0, dot)}-${String(i + 1).padStart(2, "0")}${name.slice(dot)}`;
  return parts.map((part, i) => ({ name: nameOf(i), text: part }));
}

/** Folders and files of the same name but for its ending are one source, such as a module and what is below it. */
function sourcesBelow(root: string, kind: SourceKind): SourceText[] {
  const endingOf = (path: string) => kind.endings.find((ending) => path.endsWith(ending)) ?? "";
  const stemOf = (path: string) => path.slice(0, path.length - endingOf(path).length);
  const folders = new Map<string, string[]>();
  for (const path of filesBelow(root, "", kind)) {
    const name = stemOf(path).split("/").slice(0, kind.depth).join(".");
    folders.set(name, [...(folders.get(name) ?? []), path]);
  }
  return [...folders].map(([name, paths]) => {
    return {
      name: pathText(`${name}${endingOf(paths[0])}`),
      text: paths.map((path) => readTextFile(`${root}/${path}`)).join(""),
    };
  });
}

/** Pieces of at most `most` characters, whole lines each unless a line alone is longer. */
function partsOf(text: string, most: number): string[] {
  const parts: string[] = [];
  for (let begin = 0; begin < text.length; begin += (parts.at(-1) ?? text).length) {
    const lineEnd = text.lastIndexOf("\n", begin + most - 1) + 1;
    const end = begin + most >= text.length ? text.length : lineEnd > begin ? lineEnd : begin + most;
    parts.push(text.slice(begin, end));
  }
  return parts;
}

/** Paths from `root`, in order. */
function filesBelow(root: string, folder: string, kind: SourceKind): string[] {
  return listDirectory(`${root}/${folder}`)
    .filter(({ name }) => !name.startsWith(".") && !kind.skipped.includes(name))
    .flatMap(({ name, kind: entry }) => {
      if (entry === "directory") return filesBelow(root, `${folder}${name}/`, kind);
      return entry === "file" && kind.endings.some((ending) => name.endsWith(ending)) ? [`${folder}${name}`] : [];
    });
}
