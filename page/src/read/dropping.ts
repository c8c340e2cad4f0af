/** What is dropped on the page, and what it is: a memory, a model, or documents to read. Folders are looked into. */
import type { FoundFile, GivenFile } from "../engine/calls.ts";
import { isModel } from "../model/model-files.ts";
import { isPassedOver, lastName } from "../names.ts";
import type { Refusals } from "../refusals.ts";

export interface Takers {
  readonly documents: (files: readonly FoundFile[]) => Promise<void>;
  readonly model: (files: readonly FoundFile[]) => Promise<void>;
  readonly memory: (file: GivenFile) => Promise<void>;
}

/** Files in a drop beyond this are not looked at. */
const MOST_FILES = 10_000;

export function startDropping(refusals: Refusals, takers: Takers): void {
  const { classList } = document.body;
  document.addEventListener("dragover", (event) => {
    if (isWordsForField(event)) return;
    event.preventDefault();
    classList.toggle("dropping", event.dataTransfer?.types.includes("Files") === true);
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (relatedTarget === null) classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    classList.remove("dropping");
    const { dataTransfer } = event;
    if (dataTransfer === null || isWordsForField(event)) return;
    event.preventDefault();
    const entries = [...dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
    const text = dataTransfer.getData("text/plain");
    void refusals.guard(async () => {
      const files = (await Promise.all(entries.map((entry) => filesIn(entry)))).flat();
      if (files.length > 0) await take(files, takers);
      else if (entries.length > 0) await takers.documents([]);
      else if (text !== "") await takers.documents([{ path: "dropped text", data: new Blob([text]) }]);
    });
  });
}

/** Whether words are dropped where one writes, which is the browser's business. */
function isWordsForField({ target, dataTransfer }: DragEvent): boolean {
  return target instanceof HTMLTextAreaElement && dataTransfer?.types.includes("Files") !== true;
}

/** Gives files to those who take their kind. */
async function take(files: readonly FoundFile[], { documents, model, memory }: Takers): Promise<void> {
  const [{ path, data }] = files;
  if (files.length === 1 && path.endsWith(".memory.safetensors")) await memory({ name: lastName(path), data });
  else if (isModel(files)) await model(files);
  else await documents(files);
}

/** Files of an input for files or a folder. */
export function filesOf({ files }: HTMLInputElement): FoundFile[] {
  return [...(files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, data: file }));
}

/** A file, or all files at any depth of a folder, but for folders that are passed over. */
async function filesIn(entry: FileSystemEntry): Promise<FoundFile[]> {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path, data: file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: FoundFile[] = [];
  for (let entries = await entriesOf(reader); entries.length > 0; entries = await entriesOf(reader)) {
    for (const inner of entries) {
      if (inner.isFile || !isPassedOver(inner.name)) found.push(...(await filesIn(inner)));
    }
    if (found.length > MOST_FILES)
      throw new Error(`${path} has more than ${MOST_FILES} files; choose a smaller folder`);
  }
  return found;
}

/** The next entries of a folder; none at its end. */
function entriesOf(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}
