/** What is dropped on the page, and what it is: a memory, a model, or documents to read. Folders are looked into. */
import type { GivenFile } from "../engine/calls.ts";
import type { Refusals } from "../refusals.ts";
import type { FoundFile } from "./documents.ts";

export interface Takers {
  readonly documents: (files: readonly FoundFile[]) => Promise<void>;
  readonly model: (files: readonly FoundFile[]) => Promise<void>;
  readonly memory: (file: GivenFile) => Promise<void>;
}

/** Files in a drop beyond this are not looked at. */
const MOST_FILES = 10_000;

export function startDropping(refusals: Refusals, takers: Takers): void {
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const { dataTransfer } = event;
    if (dataTransfer === null) return;
    const entries = [...dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
    const text = dataTransfer.getData("text/plain");
    void refusals.guard(async () => {
      const files = (await Promise.all(entries.map((entry) => filesIn(entry)))).flat();
      if (files.length > 0) await take(files, takers);
      else if (text !== "") await takers.documents([{ path: "dropped text", file: new File([text], "dropped text") }]);
    });
  });
}

/** Gives files to those who take their kind. */
export async function take(files: readonly FoundFile[], { documents, model, memory }: Takers): Promise<void> {
  const names = files.map(({ path }) => path.slice(path.lastIndexOf("/") + 1));
  const [name] = names;
  const isOne = files.length === 1;
  if (isOne && name.endsWith(".memory.safetensors")) await memory({ name, data: files[0].file });
  else if (names.includes("config.json") && names.some((other) => other.endsWith(".safetensors"))) await model(files);
  else if (isOne && name.endsWith(".gguf")) await model(files);
  else await documents(files);
}

/** Files of an input for files or a folder. */
export function filesOf({ files }: HTMLInputElement): FoundFile[] {
  return [...(files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** A file, or all files at any depth of a folder. */
async function filesIn(entry: FileSystemEntry): Promise<FoundFile[]> {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: FoundFile[] = [];
  for (let entries = await entriesOf(reader); entries.length > 0; entries = await entriesOf(reader)) {
    for (const inner of entries) found.push(...(await filesIn(inner)));
    if (found.length > MOST_FILES)
      throw new Error(`${path} has more than ${MOST_FILES} files; choose a smaller folder`);
  }
  return found;
}

/** The next entries of a folder; none at its end. */
function entriesOf(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}
