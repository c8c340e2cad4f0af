/** Reading parts of a file on disk. The file is opened for each part, so that nothing has to be closed. */
import * as fs from "node:fs";
import { InputError } from "../base/errors.ts";
import { systemPath } from "./path-bytes.ts";
import { attempt } from "./system-errors.ts";

/** A file of known length, any part of which can be read. */
export interface FileRanges {
  /** The file, as messages name it. */
  readonly name: string;
  /** Bytes of the whole. */
  readonly size: number;
  /** Returns the bytes [from, to), which must lie within the file. Throws an InputError if it cannot. */
  read(from: number, to: number): Uint8Array;
}

/** One read call of the system moves at most 2 GiB - 1 bytes. */
const PIECE = 2 ** 30;

/** The regular file at `path`. A part is refused by an InputError if the file was changed after this call. */
export function fileRanges(path: string): FileRanges {
  const identity = (file: number) => {
    const { dev, ino, size, mtimeNs } = fs.fstatSync(file, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}`;
  };
  const opened = withFile(path, (file) => {
    const state = fs.fstatSync(file);
    if (!state.isFile()) throw new InputError(`${path} is not a regular file, whose parts could be read`);
    return { size: state.size, identity: identity(file) };
  });
  const read = (from: number, to: number) =>
    withFile(path, (file) => {
      if (identity(file) !== opened.identity) throw new InputError(`${path} was changed while it was being read`);
      return readRange(file, path, from, to);
    });
  return { name: path, size: opened.size, read };
}

function readRange(file: number, path: string, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(to - from);
  for (let filled = 0; filled < bytes.length; ) {
    const count = fs.readSync(file, bytes, filled, Math.min(PIECE, bytes.length - filled), from + filled);
    if (count === 0) throw new InputError(`${path} ends at byte ${from + filled}, before byte ${to}`);
    filled += count;
  }
  return bytes;
}

/** A named pipe is opened without waiting for a writer, and then refused. */
function withFile<T>(path: string, use: (file: number) => T): T {
  return attempt("read", path, () => {
    const file = fs.openSync(systemPath(path), fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
    try {
      return use(file);
    } finally {
      fs.closeSync(file);
    }
  });
}
