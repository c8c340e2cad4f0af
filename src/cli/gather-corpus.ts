/**
 * Makes a corpus of a directory of sources: documents, one file each, in train, valid and test.
 *
 * A document is a folder of sources, all its files one after the other, as the paper treats a repository (section 4.1), or a
 * file that stands alone. Names alone decide what is held out, so every machine with the same sources has the same corpus.
 */
import { readTextFile } from "../data/text-file.ts";
import { murmur3 } from "../digest.ts";
import { InputError } from "../errors.ts";
import { listDirectory, writeFileAtomic } from "../platform.ts";

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

/** Of five documents that are long enough one is for valid and one for test, as long as these are few. */
const HELD_OUT_SHARE = 1 / 5;
const MOST_HELD_OUT = 8;

/** More text would make the vocabulary's training long, and nothing better. */
const MOST_TRAINING = 16_000_000;

export const splits = ["train", "valid", "test"] as const;
export type Split = (typeof splits)[number];

/** Documents and characters of each split. */
export type CorpusSizes = Readonly<Record<Split, { readonly documents: number; readonly characters: number }>>;

interface SourceText {
  readonly name: string;
  readonly text: string;
}

/**
 * Writes the corpus that the sources below `root` make into `out`.
 * @throws InputError if there are not three documents, two of them long enough to be held out
 */
export function gatherCorpus(root: string, out: string, kind: SourceKind, lengths = LENGTHS): CorpusSizes {
  const documents = documentsBelow(root, kind, lengths);
  const parts = split(documents, lengths);
  const few = splits.find((name) => parts[name].length === 0);
  if (few !== undefined) {
    const found = `${documents.length} documents of at least ${lengths.least} characters`;
    throw new InputError(`${root} has ${found} in files ending in ${kind.endings.join(", ")}, too few for ${few}`);
  }
  const sizes = splits.map((name) => {
    for (const document of parts[name]) writeFileAtomic(`${out}/${name}/${document.name}`, document.text);
    const characters = parts[name].reduce((sum, { text }) => sum + text.length, 0);
    return [name, { documents: parts[name].length, characters }] as const;
  });
  return Object.fromEntries(sizes) as CorpusSizes;
}

/** In an order that the names' digests decide: first those for test, then those for valid, then as much as train takes. */
function split(documents: readonly SourceText[], lengths: DocumentLengths): Record<Split, SourceText[]> {
  const digest = ({ name }: SourceText) => murmur3(new TextEncoder().encode(name), 0);
  const shuffled = documents.toSorted((a, b) => digest(a) - digest(b));
  const long = shuffled.filter(({ text }) => text.length >= lengths.heldOut);
  const share = Math.min(MOST_HELD_OUT, Math.floor(long.length * HELD_OUT_SHARE));
  const count = long.length < 2 ? 0 : Math.max(1, share);
  const [test, valid] = [long.slice(0, count), long.slice(count, 2 * count)];
  let characters = 0;
  const train = shuffled.filter((document) => {
    if (test.includes(document) || valid.includes(document)) return false;
    characters += document.text.length;
    return characters <= MOST_TRAINING;
  });
  return { train, valid, test };
}

function documentsBelow(root: string, kind: SourceKind, { least, most }: DocumentLengths): SourceText[] {
  const folders = new Map<string, string[]>();
  for (const path of filesBelow(root, "", kind)) {
    const name = path.split("/").slice(0, kind.depth).join(".");
    folders.set(name, [...(folders.get(name) ?? []), path]);
  }
  const documents = [...folders].flatMap(([name, paths]) => {
    const ending = kind.endings.find((candidate) => paths[0].endsWith(candidate)) ?? "";
    const text = paths.map((path) => readTextFile(`${root}/${path}`)).join("");
    const parts = partsOf(text, most);
    const number = (i: number) => (parts.length === 1 ? "" : `-${String(i + 1).padStart(2, "0")}`);
    const stem = name.endsWith(ending) ? name.slice(0, name.length - ending.length) : name;
    return parts.map((part, i) => ({ name: `${stem}${number(i)}${ending}`, text: part }));
  });
  return documents.filter(({ text }) => text.length >= least);
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
