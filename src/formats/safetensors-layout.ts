/**
 * Where the tensors of a safetensors file lie: its first eight bytes, its header, and whether the tensors fill the rest. The
 * numbers are read elsewhere, all at once in safetensors.ts or one by one in safetensors-weights.ts.
 */
import { InputError } from "../base/errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { quote } from "./json-scanner.ts";
import { refuseMistakenFile } from "./mistaken-file.ts";
import { type Header, type HeaderEntry, parseHeader } from "./safetensors-header.ts";

/** The limit of the reference implementation. */
export const LONGEST_HEADER = 100_000_000;
export const LENGTH_BYTES = 8;

/** Bytes of a header that are looked at to tell that it is not one. */
const LOOKED_AT = 4096;

/** The header, and where the data begin, from which its offsets are counted. */
export interface Layout extends Header {
  readonly dataBegin: number;
}

/** The layout of the file. Throws an InputError for anything but a whole and consistent file. */
export function readLayout(source: ByteSource): Layout {
  const { name, size } = source;
  const beginning = source.read(0, Math.min(size, LENGTH_BYTES + LOOKED_AT));
  const dataBegin = LENGTH_BYTES + requireSafetensors(beginning, size, name);
  const header = parseHeader(decodeText(source.read(LENGTH_BYTES, dataBegin), name), name);
  checkLayout(header.entries, size - dataBegin, name);
  return { ...header, dataBegin };
}

/**
 * Refuses what cannot be a safetensors file of `size` bytes, Infinity if that is not known, by its first bytes. Returns the
 * length of its header.
 */
export function requireSafetensors(beginning: Uint8Array, size: number, source: string): number {
  const available = size - LENGTH_BYTES;
  const complete = beginning.length >= LENGTH_BYTES + 2;
  const length = complete ? new DataView(beginning.buffer, beginning.byteOffset).getBigUint64(0, true) : 0n;
  const end = LENGTH_BYTES + Math.min(Number(length), LOOKED_AT);
  const piece = new TextDecoder("utf-8", { ignoreBOM: true }).decode(beginning.subarray(LENGTH_BYTES, end));
  const fits = length <= LONGEST_HEADER && length <= available;
  if (fits && /^[ \n\r\t]*\{/.test(piece)) return Number(length);
  refuseMistakenFile(beginning, source, "a safetensors file");
  if (!complete) throw new InputError(`${source}: not a safetensors file: it has only ${beginning.length} bytes`);
  if (!fits) {
    const limit = Math.min(available, LONGEST_HEADER);
    throw new InputError(
      `${source}: not a safetensors file, or truncated: its header would be ${length} bytes, at most ${limit} are possible`,
    );
  }
  parseHeader(piece, source); // says what stands there instead
  return Number(length);
}

function decodeText(bytes: Uint8Array, source: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new InputError(`${source}: not a valid safetensors file: its header is not UTF-8 text`);
  }
}

/** The tensors must fill the `size` bytes after the header, in some order, without overlap, gap or rest. */
function checkLayout(entries: ReadonlyMap<string, HeaderEntry>, size: number, source: string): void {
  const inOrder = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let filled = 0;
  for (const [name, { begin, end }] of inOrder) {
    const refuse = (reason: string) => {
      throw new InputError(`${source}: tensor ${quote(name)} has bytes ${begin} to ${end}, ${reason}`);
    };
    if (end < begin) refuse("which ends before it begins");
    if (end > size) refuse(`but the file has only ${size} bytes of data; it may be truncated`);
    if (begin < filled) refuse(`which overlaps the tensor before it, which ends at ${filled}`);
    if (begin > filled) refuse(`which leaves a gap after byte ${filled}`);
    filled = end;
  }
  if (filled < size) {
    throw new InputError(
      `${source}: its tensors end at byte ${filled} of ${size} bytes of data; the rest belongs to none`,
    );
  }
}
