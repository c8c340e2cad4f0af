/** The bytes of a question or an answer: the length of a header, the header as JSON, and arrays of numbers one after the other. */
import { InputError } from "../../base/errors.ts";
import { parseJson } from "../../formats/json.ts";
import { requireSmall } from "../blocks.ts";
import type { Content } from "../records.ts";

const LENGTH_BYTES = 4;

/** @throws InputError if it is larger than a message may be */
export function encodeMessage(header: Content, ...arrays: readonly ArrayBufferView[]): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const size = arrays.reduce((sum, { byteLength }) => sum + byteLength, LENGTH_BYTES + text.length);
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, LENGTH_BYTES);
  let at = LENGTH_BYTES + text.length;
  for (const { buffer, byteOffset, byteLength } of arrays) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  requireSmall(bytes, "a question to a memory, or its answer,");
  return bytes;
}

/** A message that came. Its arrays are read in their order. */
export class Message {
  readonly header: Content;
  private readonly bytes: Uint8Array;
  private at = 0;

  /** @throws InputError for bytes that `encodeMessage` did not write */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    const length = new DataView(this.next(LENGTH_BYTES)).getUint32(0, true);
    this.header = Object(parseJson(new TextDecoder().decode(this.next(length)), "the header of a message is not JSON"));
  }

  doubles(count: number): Float64Array {
    return new Float64Array(this.next(count * 8));
  }

  floats(count: number): Float32Array {
    return new Float32Array(this.next(count * 4));
  }

  integers(count: number): Int32Array {
    return new Int32Array(this.next(count * 4));
  }

  /** @throws InputError if there is more */
  end(): void {
    if (this.at < this.bytes.length) throw new InputError("a message has more numbers than its header says");
  }

  private next(bytes: number): ArrayBuffer {
    const end = this.at + bytes;
    if (!(end <= this.bytes.length)) throw new InputError("a message ends before its numbers do");
    const copy = new Uint8Array(this.bytes.subarray(this.at, end));
    this.at = end;
    return copy.buffer;
  }
}
