/**
 * Documents from files: several files, or a folder, are one document, its files by path one after the other, as the command line
 * reads a directory. Hidden files, node_modules and files that are not text are left out of a folder.
 */
import type { FileOfText } from "memorizing-transformer/report";
import type { Text } from "../engine/calls.ts";

/** A file with its path from where it was dropped. */
export interface FoundFile {
  readonly path: string;
  readonly file: File;
}

/** A text, and a sentence about what is not in it. */
export interface FoundText extends Text {
  readonly leftOut: string | undefined;
}

/**
 * Reads files into one document.
 * @throws Error with a sentence, if none of them is text
 */
export async function documentOf(found: readonly FoundFile[]): Promise<FoundText> {
  const chosen = found.length === 1 ? found : found.filter(({ path }) => !isLeftOut(path)).sort(byPath);
  const files: FileOfText[] = [];
  const leftOut: string[] = [];
  let [text, line] = ["", 1];
  for (const { path, file } of chosen) {
    const content = textIn(new Uint8Array(await file.arrayBuffer()));
    if (content === undefined) leftOut.push(path);
    else {
      files.push({ name: path, firstLine: line });
      text += content;
      line += content.split("\n").length - 1;
    }
  }
  if (files.length === 0) throw new Error(refusalOf(found.length, leftOut));
  const name = nameOf(chosen);
  const sentence = leftOut.length === 0 ? undefined : `Left out, since they are not text: ${shortened(leftOut)}.`;
  return { name, text, files: files.length > 1 ? files : [], leftOut: sentence };
}

/** Whether a folder's file is hidden, or put there by a package manager. */
function isLeftOut(path: string): boolean {
  return path.split("/").some((part) => part.startsWith(".") || part === "node_modules");
}

function byPath(a: FoundFile, b: FoundFile): number {
  return a.path < b.path ? -1 : 1;
}

/** The text in UTF-8, or in UTF-16 with a byte order mark; undefined for anything else. */
function textIn(bytes: Uint8Array): string | undefined {
  const isLittle = bytes[0] === 0xff && bytes[1] === 0xfe;
  const isBig = bytes[0] === 0xfe && bytes[1] === 0xff;
  if (!isLittle && !isBig && bytes.includes(0)) return undefined;
  const encoding = isLittle ? "utf-16le" : isBig ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: encoding === "utf-8" }).decode(bytes);
  } catch {
    return undefined;
  }
}

function refusalOf(count: number, leftOut: readonly string[]): string {
  if (count === 0) return "the folder has no file";
  if (leftOut.length === 0) return "the folder has only hidden files; choose one with texts";
  return `${shortened(leftOut)}: not text in UTF-8; choose a text`;
}

function shortened(names: readonly string[]): string {
  const rest = names.length - 3;
  return names.slice(0, 3).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

/** The name of the file, or of the folder that all files are in. */
function nameOf(files: readonly FoundFile[]): string {
  const [{ path }] = files;
  if (files.length === 1) return path;
  const [top] = path.split("/");
  return files.every((file) => file.path.startsWith(`${top}/`)) ? top : `${files.length} files`;
}
