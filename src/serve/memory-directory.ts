/**
 * Named memories: `NAME.memory.safetensors` in one directory, as `memorizing read` writes them too. A name is letters, digits
 * and a few marks, so no name leads out of the directory, and what is not a plain file in it is not a memory.
 */
import { InputError } from "../base/errors.ts";
import { readMemory, writeMemory } from "../memory/disk.ts";
import type { MemorySnapshot } from "../memory/snapshot.ts";
import { makeDirectory } from "../platform/directories.ts";
import { type FileState, fileState, listDirectory, removeFile } from "../platform/files.ts";
import { removeLeftovers } from "../platform/temporary.ts";
import { Refusal, ServerFault } from "./refusals.ts";

const SUFFIX = ".memory.safetensors";
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** @throws Refusal for a name that no memory can have */
export function requireName(name: string): string {
  if (NAME.test(name)) return name;
  const shown = JSON.stringify(name.slice(0, 80));
  const right = "1 to 64 letters, digits, dots, dashes and underscores, of which the first is a letter or a digit";
  throw new Refusal(400, `${shown} is not a name for a memory; a name has ${right}`, "memory");
}

/** A memory's name and file. */
export interface ListedMemory {
  readonly name: string;
  /** Undefined if it was deleted just now. */
  readonly state: FileState | undefined;
}

export class MemoryDirectory {
  private readonly path: string;
  /** The memory that was read or written last: most requests ask for the same one. */
  private last: { readonly name: string; readonly version: string; readonly memory: MemorySnapshot } | undefined;

  /** Makes the directory if it is missing, and removes from it what processes that were killed left unfinished. */
  constructor(path: string) {
    this.path = path;
    makeDirectory(path);
    removeLeftovers(path, (name) => name.endsWith(SUFFIX));
  }

  /** All memories, by name. */
  list(): ListedMemory[] {
    const entries = onDisk("the memories cannot be listed", () => listDirectory(this.path));
    const files = entries.filter(({ name, kind }) => kind === "file" && name.endsWith(SUFFIX));
    const names = files.map(({ name }) => name.slice(0, -SUFFIX.length)).filter((name) => NAME.test(name));
    return names.map((name) => ({ name, state: fileState(this.file(name)) }));
  }

  has(name: string): boolean {
    return this.stateOf(name) !== undefined;
  }

  /** @throws Refusal for a name that no memory can have */
  stateOf(name: string): FileState | undefined {
    const file = this.file(requireName(name));
    return onDisk(`the memory ${name} cannot be looked for`, () => fileState(file));
  }

  /** @throws Refusal if there is none, ServerFault if its file is damaged */
  load(name: string): MemorySnapshot {
    const state = this.requireState(name);
    const { last } = this;
    if (last?.name === name && last.version === state.version) return last.memory;
    this.last = undefined; // not two at once
    const read = onDisk(`the memory ${name} cannot be read`, () => readMemory(this.file(name)));
    const memory = { ...read, name: `the memory ${name}` };
    this.last = { name, version: state.version, memory };
    return memory;
  }

  /**
   * Replaces the memory of that name all at once. `version`: that of the file which the new one continues.
   * @throws Refusal if another program has changed the file since then, ServerFault if the disk is full
   */
  save(name: string, memory: MemorySnapshot, version?: string): void {
    const requireSame = () => {
      const state = this.stateOf(name);
      if (state === undefined) this.requireFree(name);
      if (version === undefined || state?.version === version) return;
      throw new Refusal(409, `the memory ${name} was changed by another program meanwhile; send the document again`);
    };
    requireSame();
    onDisk(`the memory ${name} cannot be saved`, () => writeMemory(this.file(name), memory, requireSame));
    this.last = undefined; // another program may have written right behind us, and its file would pass for ours
  }

  /** @throws Refusal if there is none */
  delete(name: string): void {
    this.requireState(name);
    onDisk(`the memory ${name} cannot be deleted`, () => removeFile(this.file(name)));
    this.last = undefined;
  }

  private requireState(name: string): FileState {
    const state = this.stateOf(name);
    if (state === undefined) throw new Refusal(404, `there is no memory ${name}; PUT /v1/memories/${name} makes one`);
    return state;
  }

  /** Refuses to write where there is something that is not a plain file, such as a link. */
  private requireFree(name: string): void {
    const entries = onDisk(`the memory ${name} cannot be saved`, () => listDirectory(this.path));
    if (!entries.some((entry) => entry.name === name + SUFFIX)) return;
    throw new Refusal(409, `${name}${SUFFIX} in the server's directory is not a plain file, so it cannot be a memory`);
  }

  private file(name: string): string {
    return `${this.path}/${name}${SUFFIX}`;
  }
}

/** What `work` on the disk returns. What it refuses is no mistake of a client. @throws ServerFault, which says `sentence` */
function onDisk<Result>(sentence: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof InputError) throw new ServerFault(`${sentence}; the server's log says why`, error);
    throw error;
  }
}
