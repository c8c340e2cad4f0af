/**
 * Documents from files: several files, or a folder, are one document, its files by path one after the other, as the command line
 * reads a directory. Hidden files, node_modules and files that are not text are left out of a folder.
 */
import type { FileOfText } from "memorizing-transformer/report";
import type { FoundFile } from "../engine/calls.ts";
import { firstNames, isPassedOver, shownName } from "../names.ts";

/** A text, the files that make it up if there are several, and a sentence about what is not in it. */
export interface FoundText {
  readonly name: string;
  readonly text: string;
  readonly files: readonly FileOfText[];
  readonly leftOut: string | undefined;
}

/** UTF-8 has at most so many bytes for a UTF-16 unit. */
const UNIT_BYTES = 3;

/**
 * Reads files into one document, until it has `most` UTF-16 units or a few more.
 * @throws Error with a sentence, if none of them is text
 */
export async function documentOf(found: readonly FoundFile[], most: number): Promise<FoundText> {
  const isFolder = found.length > 1 || found.some(({ path }) => path.includes("/"));
  const chosen = isFolder ? found.filter(({ path }) => !path.split("/").some(isPassedOver)).sort(byPath) : found;
  const files: FileOfText[] = [];
  const leftOut: string[] = [];
  let [text, line] = ["", 1];
  for (const { path, data } of chosen) {
    const content = textIn(await bytesOf(path, data, UNIT_BYTES * (most - text.length + 2)), data.size);
    if (content === undefined) leftOut.push(path);
    else {
      files.push({ name: shownName(path), firstLine: line });
      text += content;
      line += content.split("\n").length - 1;
    }
    if (text.length > most) break;
  }
  if (files.length === 0) throw new Error(refusalOf(found.length, leftOut));
  const sentence = leftOut.length === 0 ? undefined : `Left out, since they are not text: ${firstNames(leftOut)}.`;
  return { name: shownName(nameOf(chosen)), text, files: files.length > 1 ? files : [], leftOut: sentence };
}

function byPath(a: FoundFile, b: FoundFile): number {
  return a.path < b.path ? -1 : 1;
}

/** The first `most` bytes of a file. */
async function bytesOf(path: string, data: Blob, most: number): Promise<Uint8Array> {
  try {
    return new Uint8Array(await data.slice(0, most).arrayBuffer());
  } catch {
    throw new Error(`${shownName(path)} cannot be read; it was changed or removed since it was chosen`);
  }
}

/** The text in the first bytes of a file of `size`: UTF-8, or UTF-16 with a byte order mark; undefined for anything else. */
function textIn(bytes: Uint8Array, size: number): string | undefined {
  const isLittle = bytes[0] === 0xff && bytes[1] === 0xfe;
  const isBig = bytes[0] === 0xfe && bytes[1] === 0xff;
  if (!isLittle && !isBig && bytes.includes(0)) return undefined;
  const encoding = isLittle ? "utf-16le" : isBig ? "utf-16be" : "utf-8";
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: encoding === "utf-8" });
  try {
    return decoder.decode(bytes, { stream: bytes.length < size }); // the last character may be cut
  } catch {
    return undefined;
  }
}

function refusalOf(count: number, leftOut: readonly string[]): string {
  if (count === 0) return "the folder has no file";
  if (leftOut.length === 0) return "the folder has only hidden files; choose one with texts";
  return `${firstNames(leftOut)}: not text in UTF-8; choose a text`;
}

/** The name of the file, or of the folder that all files are in. */
function nameOf(files: readonly FoundFile[]): string {
  const [{ path }] = files;
  if (files.length === 1) return path;
  const [top] = path.split("/");
  return files.every((file) => file.path.startsWith(`${top}/`)) ? top : `${files.length} files`;
}
