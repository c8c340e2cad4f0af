/** Where what is written to a path goes: a file to replace, a device or pipe to write into, or an open descriptor. */
import * as fs from "node:fs";
import { dirname, isAbsolute } from "node:path";
import process from "node:process";
import { InputError } from "../base/errors.ts";
import { requireText } from "./path-bytes.ts";
import { attempt, codeOf, REASONS } from "./system-errors.ts";

export type Target =
  /** A regular file, or nothing yet: `path` is not a link. Its state is undefined if there is nothing. */
  | { readonly kind: "file"; readonly path: string; readonly state: fs.Stats | undefined }
  /** A device, a pipe or a socket. */
  | { readonly kind: "stream"; readonly path: string; readonly isDisk: boolean }
  /** A file this process has open, such as `/dev/stdout`: opened again, it would be cut or written from its start. */
  | { readonly kind: "descriptor"; readonly descriptor: number };

/** The most links that are followed, as in Linux. */
const MOST_LINKS = 40;

/**
 * Follows the links at `path`; the last may lead to nothing.
 * @throws InputError if a directory is there, or can only be meant
 */
export function targetOf(path: string): Target {
  if (path === "") throw new InputError("cannot write a file whose name is empty");
  requireText(path);
  if (/(^|\/)\.{0,2}$/.test(path)) {
    throw new InputError(`cannot write ${path}: it names a directory, a file is needed`);
  }
  return attempt("write", path, () => {
    const [last, descriptor] = followLinks(path);
    if (descriptor !== undefined) return { kind: "descriptor", descriptor };
    const state = stateAt(last);
    if (state?.isDirectory()) throw new InputError(`cannot write ${path}: ${REASONS.EISDIR}`);
    if (state === undefined || state.isFile()) return { kind: "file", path: last, state };
    return { kind: "stream", path: last, isDisk: state.isBlockDevice() };
  });
}

/** Where the links at `path` end, which may be nothing; or at which descriptor of this process. */
export function followLinks(path: string): readonly [path: string, descriptor?: number] {
  let at = path;
  for (let links = 0; links < MOST_LINKS; links++) {
    const descriptor = descriptorAt(at);
    if (descriptor !== undefined) return [at, descriptor];
    if (!stateAt(at)?.isSymbolicLink()) return [at];
    const next = fs.readlinkSync(at);
    // Not joined: ".." after a link to a directory is above where that leads.
    at = isAbsolute(next) ? next : `${fs.realpathSync(dirname(at))}/${next}`;
  }
  throw new InputError(`cannot follow ${path}: ${REASONS.ELOOP}`);
}

/** The state of `path`, links not followed; undefined if nothing is there. */
function stateAt(path: string): fs.Stats | undefined {
  try {
    return fs.lstatSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** The number in `/dev/fd/1`, `/proc/self/fd/1` and the like. */
function descriptorAt(path: string): number | undefined {
  const [, owner = "self", digits] = /^\/(?:dev|proc\/(self|thread-self|\d+))\/fd\/(\d+)$/.exec(path) ?? [];
  const isOurs = !/^\d/.test(owner) || Number(owner) === process.pid;
  return digits === undefined || !isOurs ? undefined : Number(digits);
}
