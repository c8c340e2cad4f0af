/**
 * Records in a directory, each a directory of its own with a file for each of its newest states: `KEY/12` is state 12. A new state is a
 * new file, which the system makes only if there is none of that name, on NFS as well. So of several that replace
 * the same state exactly one succeeds, without a lock.
 */
import { writeNewFile } from "../platform/atomic-write.ts";
import { exists, fileState, isDirectory, listDirectory, removeFile } from "../platform/files.ts";
import { beginningOf } from "../platform/read-file.ts";
import { type Entry, MOST_BYTES } from "./exchange.ts";

export class DirectoryMap {
  private readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  keys(): string[] {
    if (!isDirectory(this.directory)) return [];
    return listDirectory(this.directory)
      .filter(({ kind }) => kind === "directory")
      .map(({ name }) => name);
  }

  /** The newest revision of the record; 0 if there is none. */
  revision(key: string): number {
    return this.states(key).at(-1) ?? 0;
  }

  read(key: string): Entry | undefined {
    for (;;) {
      const revision = this.revision(key);
      if (revision === 0) return undefined;
      const path = this.path(key, revision);
      const state = fileState(path);
      const value = beginningOf(path, MOST_BYTES);
      if (state !== undefined && value !== undefined) return { value, revision, changedAt: state.changedAt };
      // Replaced, and removed, between the two looks.
    }
  }

  write(key: string, value: Uint8Array, revision: number): number | undefined {
    if (this.revision(key) !== revision) return undefined;
    const next = revision + 1;
    if (!writeNewFile(this.path(key, next), value)) return undefined;
    const states = this.states(key);
    if (states.at(-1) !== next) {
      removeFile(this.path(key, next)); // this one came so late that its number had been removed
      return undefined;
    }
    for (const old of states.slice(0, -2)) removeFile(this.path(key, old));
    return next;
  }

  /** Revisions of the states that are there, ascending. */
  private states(key: string): number[] {
    const directory = `${this.directory}/${key}`;
    if (!exists(directory)) return [];
    const names = listDirectory(directory).map(({ name }) => name);
    return names
      .filter((name) => /^[1-9]\d*$/.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  }

  private path(key: string, revision: number): string {
    return `${this.directory}/${key}/${revision}`;
  }
}
