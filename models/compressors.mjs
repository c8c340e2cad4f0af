/**
 * Prints how many bits a byte general compressors need for each document of a directory, for a model's numbers to stand next to.
 *
 *   node models/compressors.mjs DIR
 *
 * gzip and brotli are Node's own; xz, zstd and 7zz are programs, and a column is empty if one is missing. Of a 7z archive only
 * the compressed stream is counted.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** Each returns bytes, or undefined if its program is not installed. */
const COMPRESSORS = {
  "gzip -9": (path) => gzipSync(readFileSync(path), { level: 9 }).length,
  "brotli -11": (path) => brotliSize(readFileSync(path)),
  "zstd -22": (path) => outputSize("zstd", ["--ultra", "-22", "--quiet", "--stdout", path]),
  "xz -9e": (path) => outputSize("xz", ["-9e", "--stdout", path]),
  PPMd: ppmdSize,
};
const LARGEST_OUTPUT = 2 ** 30;

const missing = new Set();

try {
  main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

function main(args) {
  const [directory] = args;
  if (args.length !== 1) throw new Error("one directory is needed: node models/compressors.mjs DIR");
  const names = documentsIn(directory);
  if (names.length === 0) throw new Error(`${directory} holds no file`);
  const rows = names.map((name) => rowOf(name, join(directory, name)));
  process.stdout.write(tableOf([["bits per byte", "bytes", ...Object.keys(COMPRESSORS)], ...rows]));
  for (const program of missing) process.stdout.write(`${program} is not installed, so its column is empty\n`);
}

function documentsIn(directory) {
  const entries =
    statSync(directory, { throwIfNoEntry: false })?.isDirectory() && readdirSync(directory, { withFileTypes: true });
  if (!entries) throw new Error(`${directory} is not a directory`);
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .sort();
}

/** The cells of one document. */
function rowOf(name, path) {
  const { size } = statSync(path);
  const bits = Object.values(COMPRESSORS).map((sizeOf) => {
    const compressed = size === 0 ? undefined : sizeOf(path);
    return compressed === undefined ? "" : ((8 * compressed) / size).toFixed(3);
  });
  return [name.replace(/\.txt$/, ""), size.toLocaleString("en"), ...bits];
}

/** With the largest window, as the program chooses it for large files. */
function brotliSize(bytes) {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  return brotliCompressSync(bytes, { params }).length;
}

function ppmdSize(path) {
  const folder = mkdtempSync(join(tmpdir(), "ppmd-"));
  try {
    const archive = join(folder, "document.7z");
    if (run("7zz", ["a", "-m0=PPMd", "-mx=9", archive, path]) === undefined) return undefined;
    const listing = run("7zz", ["l", "-slt", archive]).toString();
    return Number(/^Packed Size = (\d+)$/m.exec(listing)[1]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function outputSize(program, args) {
  return run(program, args)?.length;
}

/** What a program prints; undefined, and noted, if it is not installed. */
function run(program, args) {
  const { error, status, stdout, stderr } = spawnSync(program, args, { maxBuffer: LARGEST_OUTPUT });
  if (error?.code === "ENOENT") {
    missing.add(program);
    return undefined;
  }
  if (error || status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr.toString().trim()}`);
  return stdout;
}

/** Columns as wide as their widest cell, all but the first to the right. */
function tableOf(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]));
  return rows.map((row) => `${row.map(pad).join("  ").trimEnd()}\n`).join("");
}
