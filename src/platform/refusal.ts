/** What the system refuses, in words: one sentence that names the path. */
import { InputError } from "../base/errors.ts";

/** Runs one operation and turns what the system refuses into an InputError; any other error passes untouched. */
export function attempt<T>(verb: string, path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    const lossy = code === "ENOENT" && path.includes("\ufffd");
    const reason = lossy ? NOT_TEXT : (REASONS[code] ?? (error as Error).message);
    throw new InputError(`cannot ${verb} ${path || '""'}: ${reason}`);
  }
}

/** What the system calls the reason of its refusal; undefined for any other error. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Where names come as text only, the engine has replaced what is none. */
const NOT_TEXT = "no such file or directory; if its name is not UTF-8, rename it";

/** The reasons that need other words than the system's. */
export const REASONS: Record<string, string> = {
  EACCES: "permission denied",
  EEXIST: "a file of that name is in the way",
  EISDIR: "it is a directory, a file is needed",
  ELOOP: "too many symbolic links lead to it",
  EMFILE: "too many files are open",
  ENAMETOOLONG: "its name is too long",
  ENOENT: "no such file or directory",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of the path is a file, a directory is needed",
  EPERM: "operation not permitted",
  EROFS: "the file system is read-only",
};
