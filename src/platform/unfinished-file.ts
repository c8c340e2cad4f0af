/**
 * A file that nobody sees before it is whole. It is written next to its place, under a name that nobody can guess and that must
 * be new, then synced and renamed. Links that lead to its place stay; it gets mode and owner of the file that it replaces, as
 * far as this process may give them. A target that is not a file, such as a device or a pipe, is written into.
 */
import * as fs from "node:fs";
import { dirname } from "node:path";
import { makeParent, removeEmpty } from "./directories.ts";
import { attempt, codeOf, isDone } from "./system-errors.ts";
import { type Target, targetOf } from "./target.ts";
import { temporaryName } from "./temporary.ts";

/** One write call of the system moves at most 2 GiB - 1 bytes; longer pieces are moved in pieces of this size. */
const PIECE = 2 ** 30;
/** Permissions of owner, group and others, and those that remain if the group could not be kept. */
const [PERMISSIONS, WITHOUT_GROUP] = [0o777, 0o707];
const PRIVATE = 0o600;
const USUAL = 0o666;

/** Written piece by piece, then either `complete` and `publish`, or `discard`. */
export class UnfinishedFile {
  private readonly path: string;
  private readonly target: Target;
  /** Undefined for what is written into, and when nothing of that name is left. */
  private temporary: string | undefined;
  private descriptor: number | undefined;
  /** Directories that were made for it. */
  private made: readonly string[] = [];

  /** @throws InputError if nothing can be written at `path` */
  constructor(path: string) {
    this.path = path;
    this.target = targetOf(path);
    try {
      this.descriptor = attempt("write", path, () => this.open(this.target));
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Where it appears; undefined for what is written into. */
  get directory(): string | undefined {
    return this.target.kind === "file" ? dirname(this.target.path) : undefined;
  }

  write(content: Uint8Array | string): void {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    attempt("write", this.path, () => writeAll(this.descriptor!, bytes));
  }

  /** All is written: has it outlive a power cut. */
  complete(): void {
    attempt("write", this.path, () => {
      if (this.target.kind === "file") {
        if (this.target.state !== undefined) inherit(this.descriptor!, this.target.state);
        fs.fsyncSync(this.descriptor!);
      }
      this.close();
    });
  }

  /** Puts the complete file in its place. */
  publish(): void {
    const { target, temporary } = this;
    if (target.kind !== "file" || temporary === undefined) return;
    attempt("write", this.path, () => replace(target.path, temporary));
    this.temporary = undefined;
  }

  /** The same, unless there is something in its place already: false. */
  publishNew(): boolean {
    const { target, temporary } = this;
    if (target.kind !== "file" || temporary === undefined) return false;
    return attempt("write", this.path, () => linkNew(temporary, target.path));
  }

  /** Leaves nothing behind; what was published stays. */
  discard(): void {
    this.close();
    const { temporary } = this;
    if (temporary !== undefined) isDone(() => fs.rmSync(temporary));
    this.temporary = undefined;
    removeEmpty(this.made);
  }

  private open(target: Target): number {
    if (target.kind === "descriptor") return target.descriptor;
    if (target.kind === "stream") return fs.openSync(target.path, fs.constants.O_WRONLY);
    this.made = makeParent(target.path);
    const temporary = temporaryName(target.path);
    const descriptor = fs.openSync(temporary, "wx", target.state === undefined ? USUAL : PRIVATE);
    this.temporary = temporary;
    return descriptor;
  }

  private close(): void {
    if (this.descriptor !== undefined && this.target.kind !== "descriptor") fs.closeSync(this.descriptor);
    this.descriptor = undefined;
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) {
    try {
      written += fs.writeSync(file, bytes, written, Math.min(PIECE, bytes.length - written));
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") throw error;
      waitABit(); // a pipe that is full, and does not wait by itself
    }
  }
}

function waitABit(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}

/** Who could not read the old file must not read the new one. */
function inherit(file: number, { mode, uid, gid }: fs.Stats): void {
  const own = fs.fstatSync(file);
  const isOfGroup = mayGive(file, own, uid, gid) || mayGive(file, own, own.uid, gid);
  const wanted = mode & (isOfGroup ? PERMISSIONS : WITHOUT_GROUP);
  if ((own.mode & PERMISSIONS) !== wanted) fs.fchmodSync(file, wanted);
}

/** Gives the file to that user and group, if this process may. */
function mayGive(file: number, own: fs.Stats, uid: number, gid: number): boolean {
  return (own.uid === uid && own.gid === gid) || isDone(() => fs.fchownSync(file, uid, gid));
}

function replace(path: string, temporary: string): void {
  try {
    fs.renameSync(temporary, path);
  } catch (error) {
    if (codeOf(error) !== "EBUSY") throw error;
    fs.copyFileSync(temporary, path); // a file that is mounted by itself, as containers have them, keeps its name
    fs.rmSync(temporary);
  }
}

/** Gives the file a second name; returns false if that name is taken. Without links, the file is copied. */
function linkNew(from: string, to: string): boolean {
  try {
    linkOrCopy(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

function linkOrCopy(from: string, to: string): void {
  try {
    fs.linkSync(from, to);
  } catch (error) {
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error) ?? "")) throw error;
    fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL);
  }
}
