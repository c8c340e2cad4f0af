/** Turns refusals of the system into one sentence that names the path. Only this file knows the system's codes. */
import { InputError } from "../base/errors.ts";

/** Runs one operation and turns what the system refuses into an InputError; any other error passes untouched. */
export function attempt<T>(verb: string, path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    const reason = code === "ENOENT" && path.includes("\ufffd") ? NOT_TEXT : reasonOf(error as Error);
    throw new InputError(`cannot ${verb} ${path || '""'}: ${reason}`);
  }
}

/** Why the system refused something, in words. */
export function reasonOf(error: Error): string {
  return REASONS[codeOf(error) ?? ""] ?? error.message;
}

/** The system's code for the reason of its refusal; undefined for any other error. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Runs what may fail without harm. Returns false if the system refused it; any other error passes untouched. */
export function isDone(operation: () => void): boolean {
  try {
    operation();
    return true;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return false;
  }
}

/** Where names come as text only, the engine has replaced what is none. */
const NOT_TEXT = "no such file or directory; if its name is not UTF-8, rename it";

export const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "the disk quota is used up",
  EEXIST: "a file of that name is in the way",
  EIO: "the device reports an error",
  EISDIR: "it is a directory, a file is needed",
  ELOOP: "too many symbolic links lead to it",
  EMFILE: "too many files are open",
  ENAMETOOLONG: "its name is too long",
  ENOENT: "no such file or directory",
  ENOSPC: "the disk is full",
  ENOTEMPTY: "a directory of that name is in the way",
  ENOTDIR: "a part of the path is a file, a directory is needed",
  ENXIO: "it is a socket or a device that is not there, a file is needed",
  EPERM: "operation not permitted",
  EPIPE: "nobody reads from it any more",
  EROFS: "the file system is read-only",
};
