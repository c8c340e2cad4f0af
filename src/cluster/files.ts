/**
 * Files of any size in an exchange. A file is blocks and a manifest, which is a block too and gives the file its name; a tree, the files of
 * a directory, is a file that lists them. So equal files have equal names, and travel once.
 */
import { InputError } from "../base/errors.ts";
import { parseJson } from "../formats/json.ts";
import { rename } from "../platform/atomic-write.ts";
import { makeDirectory } from "../platform/directories.ts";
import { fileRanges } from "../platform/file-ranges.ts";
import { exists, listDirectory, removeTree } from "../platform/files.ts";
import { UnfinishedFile } from "../platform/unfinished-file.ts";
import { isBlockName } from "./blocks.ts";
import { type Exchange, MOST_BYTES } from "./exchange.ts";

/** A manifest of more blocks would not fit into one. */
const MOST_BLOCKS = 7500;
const MOST_FILES = 2 ** 17;

interface Manifest {
  readonly bytes: number;
  readonly blocks: readonly string[];
}

/** Paths of files below a directory, and their names in the exchange. */
export type Tree = Readonly<Record<string, string>>;

/** Puts the file at `path`, and resolves to its name. */
export async function putFile(exchange: Exchange, path: string): Promise<string> {
  const file = fileRanges(path);
  return putPieces(exchange, file.size, (from, to) => file.read(from, to), path);
}

export async function putBytes(exchange: Exchange, bytes: Uint8Array): Promise<string> {
  return putPieces(exchange, bytes.length, (from, to) => bytes.subarray(from, to), "what is sent");
}

/** Yields the content of a file piece by piece. @throws InputError if a piece is missing, or is not what the manifest says */
export async function* pieces(exchange: Exchange, name: string): AsyncGenerator<Uint8Array> {
  const { bytes, blocks } = await manifestOf(exchange, name);
  for (const [index, block] of blocks.entries()) {
    const piece = await exchange.get(block);
    if (piece.length !== Math.min(MOST_BYTES, bytes - index * MOST_BYTES)) throw wrongManifest(name);
    yield piece;
  }
}

/** The content of a file, which must have at most `most` bytes. */
export async function getBytes(exchange: Exchange, name: string, most: number): Promise<Uint8Array> {
  const { bytes } = await manifestOf(exchange, name);
  if (bytes > most)
    throw new InputError(`the file ${name} says that it has ${bytes} bytes; at most ${most} may be sent`);
  const whole = new Uint8Array(bytes);
  let filled = 0;
  for await (const piece of pieces(exchange, name)) {
    whole.set(piece, filled);
    filled += piece.length;
  }
  return whole;
}

/** Puts files, given by their paths in the tree and on this machine, and resolves to the name of the tree. */
export async function putTree(exchange: Exchange, files: ReadonlyMap<string, string>): Promise<string> {
  const tree: Record<string, string> = {};
  for (const [path, file] of [...files].sort()) {
    if (!isInnerPath(path)) throw new InputError(`${file} cannot be sent: other systems have no such name`);
    tree[path] = await putFile(exchange, file);
  }
  return putListing(exchange, tree);
}

/** Puts a tree of files that are in the exchange. */
export function putListing(exchange: Exchange, tree: Tree): Promise<string> {
  return putBytes(exchange, new TextEncoder().encode(JSON.stringify(tree)));
}

/** The files of a tree. @throws InputError if a path would lead out of the directory that it is written to */
export async function getTree(exchange: Exchange, name: string): Promise<Tree> {
  const text = new TextDecoder().decode(await getBytes(exchange, name, MOST_FILES * 256));
  const tree = Object(parseJson(text, `the tree ${name} is not JSON`)) as Record<string, unknown>;
  const entries = Object.entries(tree);
  if (entries.length > MOST_FILES) throw new InputError(`the tree ${name} has more than ${MOST_FILES} files`);
  const wrong = entries.find(([path, file]) => !isInnerPath(path) || !isBlockName(file));
  if (wrong !== undefined) throw new InputError(`the tree ${name} has a file that may not be written, "${wrong[0]}"`);
  return tree as Tree;
}

/** Writes the files of a tree to `directory`, which appears when all of them are there. One that is there is left as it is. */
export async function writeTree(exchange: Exchange, name: string, directory: string): Promise<void> {
  if (exists(directory)) return;
  const tree = await getTree(exchange, name);
  const unfinished = `${directory}.incoming-${crypto.randomUUID()}`;
  makeDirectory(unfinished);
  try {
    for (const [path, file] of Object.entries(tree)) await writeFileOf(exchange, file, `${unfinished}/${path}`);
    if (!exists(directory)) rename(unfinished, directory); // another process may have been faster, with the same files
  } finally {
    removeTree(unfinished);
  }
}

/** Writes a file of the exchange to `path`, where it appears when it is whole. */
export async function writeFileOf(exchange: Exchange, name: string, path: string): Promise<void> {
  const file = new UnfinishedFile(path);
  try {
    for await (const piece of pieces(exchange, name)) file.write(piece);
    file.complete();
    file.publish();
  } finally {
    file.discard();
  }
}

/** All files below a directory: their paths from it on, and as they are. */
export function filesBelow(directory: string): Map<string, string> {
  return new Map(pathsBelow(directory, "").map((path) => [path, `${directory}/${path}`]));
}

function pathsBelow(directory: string, folder: string): string[] {
  return listDirectory(`${directory}/${folder}`).flatMap(({ name, kind }) => {
    if (kind === "directory") return pathsBelow(directory, `${folder}${name}/`);
    return kind === "file" ? [`${folder}${name}`] : [];
  });
}

async function putPieces(
  exchange: Exchange,
  bytes: number,
  read: (from: number, to: number) => Uint8Array,
  what: string,
): Promise<string> {
  const count = Math.ceil(bytes / MOST_BYTES);
  if (count > MOST_BLOCKS)
    throw new InputError(`${what} has ${bytes} bytes; at most ${MOST_BLOCKS * MOST_BYTES} can be sent`);
  const blocks: string[] = [];
  for (let index = 0; index < count; index++) {
    const from = index * MOST_BYTES;
    blocks.push(await exchange.put(read(from, Math.min(bytes, from + MOST_BYTES))));
  }
  return exchange.put(new TextEncoder().encode(JSON.stringify({ bytes, blocks })));
}

async function manifestOf(exchange: Exchange, name: string): Promise<Manifest> {
  const text = new TextDecoder().decode(await exchange.get(name));
  const { bytes, blocks } = Object(parseJson(text, `the manifest ${name} is not JSON`));
  const whole = Number.isSafeInteger(bytes) && bytes >= 0 && Array.isArray(blocks);
  if (!whole || blocks.length !== Math.ceil(bytes / MOST_BYTES) || blocks.length > MOST_BLOCKS)
    throw wrongManifest(name);
  if (!blocks.every(isBlockName)) throw wrongManifest(name);
  return { bytes, blocks };
}

function wrongManifest(name: string): InputError {
  return new InputError(`the manifest ${name} does not fit the blocks that it names`);
}

/** Whether a path stays below the directory that it is taken from, on every system. */
function isInnerPath(path: string): boolean {
  return !/[\\\0]/.test(path) && path.split("/").every((part) => !/^(|\.|\.\.|[A-Za-z]:.*)$/.test(part));
}
