/**
 * Gathers the documents that the shipped model learned from: the Python standard library (PSF licence), the sources of a few
 * packages from npm (MIT and Apache-2.0), the proofs of HOL Light (BSD), and a little of novels in the public domain.
 *
 *   node models/corpus.mjs --books DIR --python DIR --proofs DIR --out DIR
 *
 * DIR of --books has one novel a file; --python is a standard library such as /usr/lib/python3.11, --proofs HOL Light as
 * Debian's package has it, /usr/share/hol-light. DIR of --out gets `whole`, `train`, which is the same cut to shorter
 * documents, and `test`. Not part of the package: what it writes is read by `memorizing train` and `memorizing eval`.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";

/** Packages, the folders of their sources, and how many characters of each are read, so that none rules the rest. */
const PACKAGES = [
  { name: "@angular/core", version: "20.3.9", folder: "fesm2022", most: 1_500_000 },
  { name: "acorn", version: "8.15.0", folder: "dist", most: 240_000 },
  { name: "assemblyscript", version: "0.28.20", folder: "std", most: 1_000_000 },
  { name: "effect", version: "3.19.3", folder: "src", most: 2_500_000 },
  { name: "mathjs", version: "15.0.0", folder: "lib/esm", most: 1_500_000 },
  { name: "phaser", version: "3.90.0", folder: "src", most: 1_500_000 },
  { name: "rxjs", version: "7.8.2", folder: "src", most: 1_000_000 },
  { name: "three", version: "0.181.0", folder: "src", most: 1_500_000 },
  { name: "zod", version: "4.1.12", folder: "src", most: 1_200_000 },
];
/** Python packages and modules that the model is tested on and never sees in training. */
const HELD_OUT = ["argparse", "asyncio", "email", "typing", "unittest", "xml"];
/** Tables of data, not programs. */
const SKIPPED = ["__pycache__", "__tests__", "tests", "dist-packages", "encodings", "lib-dynload", "pydoc_data", "test"];
const MOST_CHARACTERS = 500_000;
/** A row that stays on one document for long learns its vocabulary by heart, and needs no memory: these are cut. */
const MOST_IN_TRAINING = 90_000;
/** Folders of proofs; of each, files this large, and how many characters in all. */
const PROOFS = ["Multivariate", "Library", "100"];
const LEAST_OF_PROOFS = 60_000;
const MOST_OF_PROOFS = 8_000_000;
/** Proofs that the model is tested on. */
const HELD_OUT_PROOFS = ["bertrand.ml", "card.ml", "homology.ml", "platonic.ml"];
/** Tables of theorems, not proofs. */
const NO_PROOFS = ["complex_database.ml", "multivariate_database.ml"];
/** Of a novel: prose is a twentieth of what the model reads. */
const MOST_OF_A_BOOK = 80_000;
/** Modules smaller than this are joined, in order of their names. */
const LEAST_CHARACTERS = 30_000;

const { values } = parseArgs({
  options: { books: { type: "string" }, python: { type: "string" }, proofs: { type: "string" }, out: { type: "string" } },
});
for (const name of ["books", "python", "proofs", "out"]) if (!values[name]) throw new Error(`--${name} DIR is needed`);

/** Paths of the files below `folder` whose names end in one of `endings`, in order. */
function filesBelow(folder, endings) {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    if (SKIPPED.includes(entry.name) || entry.name.endsWith(".d.ts")) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path, endings);
    return entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)) ? [path] : [];
  });
}

/** Texts of files joined to documents of at most MOST_CHARACTERS, each file whole and under a line with its name. */
function documentsOf(root, paths, comment) {
  const documents = [];
  for (const path of paths) {
    const text = `${comment} ${relative(root, path)}\n${readFileSync(path, "utf8")}\n`;
    if (documents.length > 0 && documents.at(-1).length + text.length <= MOST_CHARACTERS)
      documents[documents.length - 1] += text;
    else documents.push(text.slice(0, MOST_CHARACTERS));
  }
  return documents;
}

function write(split, name, documents) {
  for (const directory of split === "test" ? ["test"] : ["whole", "train"]) mkdirSync(join(values.out, directory), { recursive: true });
  documents.forEach((text, index) => {
    const part = documents.length === 1 ? "" : `-${String(index + 1).padStart(2, "0")}`;
    const stem = `${name.replaceAll("/", "-").replace("@", "")}${part}`;
    writeFileSync(join(values.out, split === "test" ? "test" : "whole", `${stem}.txt`), text);
    if (split === "train") cut(text).forEach((piece, i) => writeFileSync(join(values.out, "train", `${stem}.${i}.txt`), piece));
  });
}

/** Pieces of about the same length, of whole lines. */
function cut(text) {
  const count = Math.ceil(text.length / MOST_IN_TRAINING);
  const lineEnd = (place) => text.indexOf("\n", place) + 1 || text.length;
  const ends = Array.from({ length: count }, (_, i) => lineEnd(Math.round((text.length * (i + 1)) / count)));
  return ends.map((end, i) => text.slice(i === 0 ? 0 : ends[i - 1], i === count - 1 ? text.length : end));
}

function gatherPython(library) {
  let small = [];
  const flush = () => {
    if (small.length > 0) write("train", `python-modules-${small[0].replace(".py", "")}`, documentsOf(library, small.map((name) => join(library, name)), "#"));
    small = [];
  };
  for (const name of readdirSync(library).sort()) {
    if (SKIPPED.includes(name)) continue;
    const path = join(library, name);
    const isDirectory = statSync(path).isDirectory();
    const paths = isDirectory ? filesBelow(path, [".py"]) : name.endsWith(".py") ? [path] : [];
    const size = paths.reduce((sum, file) => sum + statSync(file).size, 0);
    const plain = name.replace(".py", "");
    if (size === 0) continue;
    if (HELD_OUT.includes(plain)) write("test", `python-${plain}`, documentsOf(library, paths, "#"));
    else if (size >= LEAST_CHARACTERS) write("train", `python-${plain}`, documentsOf(library, paths, "#"));
    else if (!isDirectory) small.push(name);
    if (small.length === 20) flush();
  }
  flush();
}

function gatherPackages() {
  const scratch = mkdtempSync(join(tmpdir(), "packages-"));
  try {
    for (const { name, version, folder, most } of PACKAGES) {
      const packed = execFileSync("npm", ["pack", "--silent", `${name}@${version}`], { cwd: scratch, encoding: "utf8" });
      const target = join(scratch, "x", name);
      mkdirSync(target, { recursive: true });
      execFileSync("tar", ["xzf", packed.trim(), "-C", target, "--strip-components=1"], { cwd: scratch });
      const root = join(target, folder);
      const documents = documentsOf(root, filesBelow(root, [".ts", ".js", ".mjs"]), "//");
      let left = most;
      write("train", `npm-${name}`, documents.filter((text) => (left -= text.length) > -MOST_CHARACTERS));
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** One document for every MOST_CHARACTERS of a file. */
function gatherProofs(root) {
  let left = MOST_OF_PROOFS;
  for (const path of PROOFS.flatMap((folder) => filesBelow(join(root, folder), [".ml"]))) {
    const name = path.split("/").at(-1);
    const text = readFileSync(path, "utf8");
    if (NO_PROOFS.includes(name) || text.length < LEAST_OF_PROOFS) continue;
    const isHeldOut = HELD_OUT_PROOFS.includes(name);
    if (!isHeldOut && left < 0) continue;
    if (!isHeldOut) left -= Math.min(text.length, 2 * MOST_CHARACTERS);
    const parts = [text.slice(0, MOST_CHARACTERS), text.slice(MOST_CHARACTERS, 2 * MOST_CHARACTERS)];
    write(isHeldOut ? "test" : "train", `proofs-${name.replace(".ml", "")}`, parts.filter((part) => part.length > 0));
  }
}

gatherPython(values.python);
gatherPackages();
gatherProofs(values.proofs);
for (const name of readdirSync(values.books).sort()) {
  write("train", `book-${name.replace(".txt", "")}`, [readFileSync(join(values.books, name), "utf8").slice(0, MOST_OF_A_BOOK)]);
}
