/**
 * Gathers what the shipped models learn from, and what they are tested on.
 *
 *   node models/corpus/gather.mjs --corpora DIR --packages DIR --out DIR [--sources FILE]
 *
 * --corpora has novels and LaTeX of one's own: books/train, books/valid, books/test, math/valid and math/test, a document a
 * file. --packages is where packages are fetched to and kept. --out gets a folder for every split (`train`, `valid`, `test`,
 * `long`), `pieces`, which is `train` cut to shorter documents, manifest.json, and SOURCES.md, the table for the card.
 * --sources is another list than sources.mjs. Debian's packages need Debian 12 and a recent `apt-get update`.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { documentsOf } from "./documents.mjs";
import { SeenLines } from "./duplicates.mjs";
import { sourcesTable } from "./manifest.mjs";
import { fetched } from "./registries.mjs";
import { permissiveWithin } from "./texlive.mjs";
import { firstLines, textsOf } from "./texts.mjs";

/** Splits in the order of gathering: what resembles a text that is held out is left out of `train`. */
const SPLITS = ["test", "long", "valid", "train"];
/** A row of a batch that stays on one document for long learns its vocabulary by heart: characters of a piece. */
const LONGEST_PIECE = 90_000;

try {
  await main();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function main() {
  const options = readOptions();
  const { SOURCES } = await import(pathToFileURL(options.sources).href);
  const seen = new SeenLines();
  const manifest = [];
  for (const split of SPLITS) {
    mkdirSync(join(options.out, split), { recursive: true });
    for (const source of SOURCES.filter((candidate) => (candidate.split ?? "train") === split)) {
      manifest.push(...gather(source, split, options, seen));
    }
  }
  writeFileSync(join(options.out, "manifest.json"), `${JSON.stringify(manifest, undefined, 1)}\n`);
  writeFileSync(join(options.out, "SOURCES.md"), sourcesTable(manifest));
}

function readOptions() {
  const names = ["corpora", "packages", "out", "sources"];
  const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: "string" }])) });
  for (const name of ["corpora", "packages", "out"]) {
    if (values[name] === undefined) throw new Error(`--${name} DIR is needed`);
  }
  if (existsSync(values.out)) throw new Error(`${values.out} is there already; give another --out`);
  const sources = values.sources ?? fileURLToPath(new URL("sources.mjs", import.meta.url));
  return { corpora: resolve(values.corpora), packages: values.packages, out: values.out, sources: resolve(sources) };
}

/** Writes the documents of one source, and returns their lines of the manifest. */
function gather(source, split, options, seen) {
  const { root, version } = fetched(source, options);
  const leftOut = new Map();
  const isAllowed = source.texlive ? permissiveWithin(root, source.name) : undefined;
  const documents = documentsOf(source, textsOf(root, source, isAllowed), seen, leftOut);
  if (documents.length === 0) throw new Error(`${source.name} has no text in ${root}: ${sentence(leftOut)}`);
  for (const document of documents) write(document, split, options.out);
  const bytes = documents.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  process.stdout.write(`${split} ${source.kind} ${source.as ?? source.name}: ${bytes} bytes; ${sentence(leftOut)}\n`);
  const { kind, registry, name, licence } = source;
  return documents.map((document) => {
    const size = { document: `${document.name}.txt`, bytes: Buffer.byteLength(document.text) };
    return { split, kind, registry, name, version, licence, ...size };
  });
}

function sentence(leftOut) {
  const counts = [...leftOut].map(([reason, count]) => `${count} ${reason}`);
  return counts.length === 0 ? "no file left out" : `files left out: ${counts.join(", ")}`;
}

function write({ name, text }, split, out) {
  const path = join(out, split, `${name}.txt`);
  if (existsSync(path))
    throw new Error(`two sources make a document ${name}; give one of them another name with \`as\``);
  writeFileSync(path, text);
  if (split !== "train") return;
  mkdirSync(join(out, "pieces"), { recursive: true });
  for (const [index, piece] of piecesOf(text).entries()) {
    writeFileSync(join(out, "pieces", `${name}.${String(index).padStart(2, "0")}.txt`), piece);
  }
}

/** Pieces of about the same length, of whole lines. */
function piecesOf(text) {
  const pieces = [];
  for (let begin = 0, left = Math.ceil(text.length / LONGEST_PIECE); left > 0; left--) {
    const most = Math.ceil((text.length - begin) / left);
    const piece = left === 1 ? text.slice(begin) : firstLines(text.slice(begin, begin + most + 1), most);
    pieces.push(piece);
    begin += piece.length;
  }
  return pieces;
}
