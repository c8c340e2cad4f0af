/**
 * The files of a directory that documents are made of. Hidden files and directories are left out, and what package managers
 * put into node_modules, unless a selection takes them. A link is followed to a file in the same directory and nowhere else:
 * nothing is read that the user did not name, and nothing in circles. Order is by name, so it is the same on every machine.
 */
import { InputError } from "../base/errors.ts";
import { type DirectoryEntry, leadsToFileIn, listDirectory } from "../platform/files.ts";

/** Which files of a directory are read. */
export interface Selection {
  /** For messages: `file`, `file ending in .md`. */
  readonly what: string;
  /** Whether a file is read, or a directory looked into; `path` is that from the directory on, such as `src/a.ts`. */
  chooses(path: string, isDirectory: boolean): boolean;
}

/** Whatever is neither hidden nor in a node_modules. */
export const visible: Selection = { what: "file", chooses: (path, isDirectory) => !isLeftOut(path, isDirectory) };

/** Only files with one of these endings, such as ".ts", at any depth. */
export function endingIn(extensions: readonly string[]): Selection {
  const ends = (path: string) => extensions.some((extension) => path.endsWith(extension));
  return {
    what: `file ending in ${extensions.join(", ")}`,
    chooses: (path, isDirectory) => !isLeftOut(path, isDirectory) && (isDirectory || ends(path)),
  };
}

/** Whether the last name of `path` is one that is left out unless it is asked for. */
export function isLeftOut(path: string, isDirectory: boolean): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name.startsWith(".") || (isDirectory && name === "node_modules");
}

/** An entry of the directory, and the paths of the files that are it, or that are below it. */
export interface EntryFiles {
  readonly name: string;
  readonly files: readonly string[];
}

/**
 * The entries of a directory that hold a chosen file, by name, and the files of each, sorted by path.
 * @throws InputError if the directory is missing, or if something chosen is a pipe, a device or a link to elsewhere
 */
export function entriesIn(directory: string, selection: Selection): EntryFiles[] {
  const root = { directory, selection };
  return chosenIn(root, "").flatMap((entry) => {
    const files = filesAt(root, entry).sort((a, b) => (a < b ? -1 : 1));
    return files.length > 0 ? [{ name: entry.name, files }] : [];
  });
}

interface Root {
  readonly directory: string;
  readonly selection: Selection;
}

interface Entry extends DirectoryEntry {
  /** From the root on. */
  readonly way: string;
}

/** The selected entries of a folder, by name; `folder` is "" or a path from the root that ends in a slash. */
function chosenIn({ directory, selection }: Root, folder: string): Entry[] {
  const path = folder === "" ? directory : pathAt(directory, folder.slice(0, -1));
  return listDirectory(path)
    .map((entry) => ({ ...entry, way: `${folder}${entry.name}` }))
    .filter(({ way, kind }) => selection.chooses(way, kind === "directory"));
}

/** Paths of the file itself, or of every one at any depth below. */
function filesAt(root: Root, { way, kind }: Entry): string[] {
  if (kind === "directory") return chosenIn(root, `${way}/`).flatMap((entry) => filesAt(root, entry));
  const path = pathAt(root.directory, way);
  requireFile(path, kind, root.directory);
  return [path];
}

function pathAt(directory: string, way: string): string {
  return `${directory.replace(/\/+$/, "")}/${way}`;
}

function requireFile(path: string, kind: DirectoryEntry["kind"], directory: string): void {
  if (kind === "file") return;
  if (kind !== "link") throw new InputError(`${path} is a pipe, a socket or a device; a text file is needed`);
  if (leadsToFileIn(path, directory)) return;
  throw new InputError(`${path} is a link, but not to a file in ${directory}; put the file itself there, or name it`);
}
