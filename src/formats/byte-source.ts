/**
 * Bytes that are read piece by piece: a file on disk, or an array in a page. Weights are gigabytes, and a conversion
 * needs one tensor at a time.
 */
import type { FileRanges } from "../platform/file-ranges.ts";

/** A file of known length, any part of which can be read. */
export type ByteSource = FileRanges;

/** The source of these bytes, which messages call `name`. A part that is read is a view, not a copy. */
export function sourceOf(bytes: Uint8Array, name: string): ByteSource {
  return { name, size: bytes.length, read: (from, to) => bytes.subarray(from, to) };
}
