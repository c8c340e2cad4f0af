/**
 * Records in a directory, each a directory of its own with a file for each of its newest states: `KEY/12` is state 12. A new state is a
 * new file, which the system makes only if there is none of that name, on NFS as well. So of several that replace
 * the same state exactly one succeeds, without a lock.
 */
import { InputError } from "../base/errors.ts";
import { writeNewFile } from "../platform/atomic-write.ts";
import { exists, fileState, isDirectory, listDirectory, removeFile } from "../platform/files.ts";
import { beginningOf } from "../platform/read-file.ts";
import { type Entry, isKey, MOST_BYTES } from "./exchange.ts";

/** A record that is replaced so often while somebody reads it is none that can be read. */
const MOST_TRIES = 1000;

export class DirectoryMap {
  private readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  keys(): string[] {
    if (!isDirectory(this.directory)) return [];
    return listDirectory(this.directory)
      .filter(({ name, kind }) => kind === "directory" && isKey(name))
      .map(({ name }) => name);
  }

  /** The newest revision of the record; 0 if there is none. */
  revision(key: string): number {
    return this.states(key).at(-1) ?? 0;
  }

  read(key: string): Entry | undefined {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const revision = this.revision(key);
      if (revision === 0) return undefined;
      const path = this.path(key, revision);
      const state = fileState(path);
      const value = beginningOf(path, MOST_BYTES);
      if (state !== undefined && value !== undefined) return { value, revision, changedAt: state.changedAt };
      // Replaced, and removed, between the two looks.
    }
    throw new InputError(`the files in ${this.directory}/${key} cannot be read`);
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

  /** Revisions of the states that are there, ascending. Other files, and numbers that cannot be counted on from, are none. */
  private states(key: string): number[] {
    const directory = `${this.directory}/${key}`;
    if (!exists(directory)) return [];
    return listDirectory(directory)
      .filter(({ name, kind }) => kind === "file" && /^[1-9]\d{0,14}$/.test(name))
      .map(({ name }) => Number(name))
      .sort((a, b) => a - b);
  }

  private path(key: string, revision: number): string {
    return `${this.directory}/${key}/${revision}`;
  }
}
