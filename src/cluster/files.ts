/**
 * Files of any size in an exchange. A file is blocks and a manifest, which is a block too and gives the file its name; a tree, the files of
 * a directory, is a file that lists them. So equal files have equal names, and travel once.
 */
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import { rename } from "../platform/atomic-write.ts";
import { makeDirectory } from "../platform/directories.ts";
import { fileRanges } from "../platform/file-ranges.ts";
import { exists, listDirectory, removeTree } from "../platform/files.ts";
import { temporaryName } from "../platform/temporary.ts";
import { UnfinishedFile } from "../platform/unfinished-file.ts";
import { ahead } from "./ahead.ts";
import { isBlockName } from "./blocks.ts";
import { DamageError, isCount, jsonIn } from "./damage.ts";
import { type Exchange, MOST_BYTES } from "./exchange.ts";

/** A manifest of more blocks would not fit into one. */
const MOST_BLOCKS = 7500;
const MOST_FILES = 2 ** 17;
/** Blocks may be named again and again, so a tree of a megabyte could fill every disk. */
const MOST_OF_TREE = 2 ** 35;

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

/** Yields the content of a file piece by piece. @throws DamageError if a piece is missing, or is not what the manifest says */
export async function* pieces(exchange: Exchange, name: string): AsyncGenerator<Uint8Array> {
  yield* piecesOf(exchange, name, await manifestOf(exchange, name));
}

/** The content of a file, which must have at most `most` bytes. @throws DamageError as `pieces` does, or if it has more */
export async function getBytes(exchange: Exchange, name: string, most: number): Promise<Uint8Array> {
  const manifest = await manifestOf(exchange, name, most);
  const whole = new Uint8Array(manifest.bytes);
  let filled = 0;
  for await (const piece of piecesOf(exchange, name, manifest)) {
    whole.set(piece, filled);
    filled += piece.length;
  }
  return whole;
}

/** Puts files, given by their paths in the tree and on this machine, and resolves to the name of the tree. */
export async function putTree(exchange: Exchange, files: ReadonlyMap<string, string>): Promise<string> {
  const put = async ([path, file]: readonly [string, string]) => {
    if (!isInnerPath(path)) throw new InputError(`${file} cannot be sent: other systems have no such name`);
    return [path, await putFile(exchange, file)] as const;
  };
  const tree: Record<string, string> = {};
  for await (const [path, name] of ahead([...files].sort(), put)) tree[path] = name;
  return putListing(exchange, tree);
}

/** Puts a tree of files that are in the exchange. */
export function putListing(exchange: Exchange, tree: Tree): Promise<string> {
  return putBytes(exchange, new TextEncoder().encode(JSON.stringify(tree)));
}

/** The files of a tree. @throws DamageError if a path would lead out of the directory that it is written to */
export async function getTree(exchange: Exchange, name: string): Promise<Tree> {
  const json = jsonIn(await getBytes(exchange, name, MOST_FILES * 256), `the tree ${name}`);
  const tree = Object(json) as Record<string, unknown>;
  const entries = Object.entries(tree);
  if (entries.length > MOST_FILES) throw new DamageError(`the tree ${name} has more than ${MOST_FILES} files`);
  const wrong = entries.find(([path, file]) => !isInnerPath(path) || !isBlockName(file));
  if (wrong === undefined) return tree as Tree;
  throw new DamageError(`the tree ${name} has a file that may not be written, ${show(wrong[0])}`);
}

/** The name of a tree's file. @throws DamageError if the tree has none at that path */
export function fileIn(tree: Tree, path: string): string {
  if (Object.hasOwn(tree, path)) return tree[path];
  throw new DamageError(`a tree was sent without its file ${path}`);
}

/** Writes the files of a tree to `directory`, which appears when all of them are there. One that is there is left as it is. */
export async function writeTree(exchange: Exchange, name: string, directory: string): Promise<void> {
  if (exists(directory)) return;
  const tree = await getTree(exchange, name);
  const unfinished = temporaryName(directory);
  makeDirectory(unfinished);
  let left = MOST_OF_TREE;
  try {
    const write = ([path, file]: readonly [string, string]) =>
      writeFileOf(exchange, file, `${unfinished}/${path}`, left);
    for await (const bytes of ahead(Object.entries(tree), write)) left -= bytes;
    if (!exists(directory)) rename(unfinished, directory); // another process may have been faster, with the same files
  } finally {
    removeTree(unfinished);
  }
}

/** Writes a file of the exchange, of at most `most` bytes, to `path`, where it appears when it is whole. Resolves to its bytes. */
export async function writeFileOf(exchange: Exchange, name: string, path: string, most = Infinity): Promise<number> {
  const manifest = await manifestOf(exchange, name, most);
  const file = new UnfinishedFile(path);
  try {
    for await (const piece of piecesOf(exchange, name, manifest)) file.write(piece);
    file.complete();
    file.publish();
  } finally {
    file.discard();
  }
  return manifest.bytes;
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
  const starts = Array.from({ length: count }, (_, index) => index * MOST_BYTES);
  const put = (from: number) => exchange.put(read(from, Math.min(bytes, from + MOST_BYTES)));
  const blocks: string[] = [];
  for await (const name of ahead(starts, put)) blocks.push(name);
  return exchange.put(new TextEncoder().encode(JSON.stringify({ bytes, blocks })));
}

async function* piecesOf(exchange: Exchange, name: string, { bytes, blocks }: Manifest): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const piece of ahead(blocks, (block) => exchange.get(block))) {
    if (piece.length !== Math.min(MOST_BYTES, left)) throw wrongManifest(name);
    left -= piece.length;
    yield piece;
  }
}

async function manifestOf(exchange: Exchange, name: string, most = Infinity): Promise<Manifest> {
  const { bytes, blocks } = Object(jsonIn(await exchange.get(name), `the manifest ${name}`));
  if (!isCount(bytes) || !Array.isArray(blocks)) throw wrongManifest(name);
  if (blocks.length !== Math.ceil(bytes / MOST_BYTES) || blocks.length > MOST_BLOCKS) throw wrongManifest(name);
  if (!blocks.every(isBlockName)) throw wrongManifest(name);
  if (bytes <= most) return { bytes, blocks };
  throw new DamageError(`the file ${name} says that it has ${bytes} bytes; at most ${most} may be sent`);
}

function wrongManifest(name: string): DamageError {
  return new DamageError(`the manifest ${name} does not fit the blocks that it names`);
}

/** Whether a path stays below the directory that it is taken from, on every system. */
function isInnerPath(path: string): boolean {
  return !/[\\\0]/.test(path) && path.split("/").every((part) => !/^(|\.|\.\.|[A-Za-z]:.*)$/.test(part));
}
