/**
 * The files of a source, and their texts: found by their endings, unpacked where Debian has packed them with gzip, and cut to
 * parts where they are too large to be taken whole or not at all.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { gunzipSync } from "node:zlib";

/** Folders that hold no text of the package's own, or tables that its tests compare with. */
const SKIPPED =
  /(^|\/)(tests?|__tests__|testdata|test_data|node_modules|_?vendor(ed)?|third_party|__pycache__|locales?|i18n|debian|doc-base)\//i;
/** Characters of a part. */
const LONGEST_PART = 400_000;

/**
 * The texts of a source, in the order of their paths, which are seen from the deepest folder that has them all.
 * @returns {{ path: string, part: number, text: string | undefined }[]} `text` is undefined if the file is not UTF-8
 * @throws Error with one sentence if a folder is missing
 */
export function* textsOf(root, { folders = [""], endings, skip, each, tests }, isAllowed = () => true) {
  const missing = folders.find((folder) => !existsSync(join(root, folder)));
  if (missing !== undefined) throw new Error(`${root} has no folder ${missing}`);
  const isWanted = (path) => {
    if (!endings.some((ending) => `/${unpackedName(path)}`.endsWith(ending))) return false;
    return (tests || !SKIPPED.test(path)) && !skip?.test(path) && isAllowed(path);
  };
  const found = folders.flatMap((folder) => filesBelow(join(root, folder))).map((path) => relative(root, path));
  const paths = found.filter(isWanted);
  const above = commonFolder(paths);
  for (const path of paths) {
    const file = { path: unpackedName(path).slice(above.length), part: 0, text: read(join(root, path)) };
    if (each) yield file;
    else yield* partsOf(file);
  }
}

const unpackedName = (path) => path.replace(/\.gz$/, "");

/** The folders that all paths begin with, such as `usr/share/`. */
function commonFolder([first = "", ...others]) {
  let length = first.lastIndexOf("/") + 1;
  while (!others.every((path) => path.startsWith(first.slice(0, length)))) {
    length = first.lastIndexOf("/", length - 2) + 1;
  }
  return first.slice(0, length);
}

function filesBelow(folder) {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

/** The text of a file, its lines ended by "\n"; undefined if it is not UTF-8. */
function read(path) {
  const bytes = readFileSync(path);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(path.endsWith(".gz") ? gunzipSync(bytes) : bytes);
    return text.replaceAll("\r\n", "\n");
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw new Error(`${path} cannot be read: ${error.message}`);
  }
}

/** Parts of whole lines, numbered from 1; a text that is short enough is one, and has no number. */
function* partsOf({ path, part, text }) {
  if (text === undefined || text.length <= LONGEST_PART) return yield { path, part, text };
  for (let begin = 0; begin < text.length; ) {
    const lines = firstLines(text.slice(begin, begin + LONGEST_PART + 1), LONGEST_PART);
    yield { path, part: ++part, text: lines };
    begin += lines.length;
  }
}

/** The first whole lines of a text, at most `most` characters; a longer first line is cut. */
export function firstLines(text, most) {
  if (text.length <= most) return text;
  return text.slice(0, text.lastIndexOf("\n", most - 1) + 1 || most);
}
