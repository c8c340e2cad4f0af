/**
 * Reads the values of a GGUF file's header one after the other, little-endian. A length is believed only when that many bytes
 * are left, so nothing is allocated that the file's own size does not justify.
 */
import { InputError } from "../base/errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { quote } from "./json-scanner.ts";

/** Bytes that are read from the file at a time. */
const PIECE = 2 ** 20;

/** Items of all arrays together: of a vocabulary of a quarter of a million tokens, texts, scores, types and merges are a million. */
const MOST_ITEMS = 2 ** 23;
/** Bytes of one text. A chat template has some thousands. */
const MOST_TEXT = 2 ** 26;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A place in the header. `what` is always what a message calls the value that is being read. */
export class GgufCursor {
  readonly #source: ByteSource;
  /** The part of the file that begins at byte `#begin`. */
  #piece: Uint8Array = new Uint8Array(0);
  #view = new DataView(this.#piece.buffer);
  #begin = 0;
  #at = 0;
  #items = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Bytes that were read. */
  get offset(): number {
    return this.#at;
  }

  refuse(reason: string): never {
    throw new InputError(`${this.#source.name}: not a valid GGUF file: ${reason}`);
  }

  u8(what: string): number {
    const at = this.#take(1, what);
    return this.#view.getUint8(at);
  }

  i8(what: string): number {
    const at = this.#take(1, what);
    return this.#view.getInt8(at);
  }

  u16(what: string): number {
    const at = this.#take(2, what);
    return this.#view.getUint16(at, true);
  }

  i16(what: string): number {
    const at = this.#take(2, what);
    return this.#view.getInt16(at, true);
  }

  u32(what: string): number {
    const at = this.#take(4, what);
    return this.#view.getUint32(at, true);
  }

  i32(what: string): number {
    const at = this.#take(4, what);
    return this.#view.getInt32(at, true);
  }

  f32(what: string): number {
    const at = this.#take(4, what);
    return this.#view.getFloat32(at, true);
  }

  f64(what: string): number {
    const at = this.#take(8, what);
    return this.#view.getFloat64(at, true);
  }

  u64(what: string): number {
    const at = this.#take(8, what);
    return this.#whole(this.#view.getBigUint64(at, true), what);
  }

  i64(what: string): number {
    const at = this.#take(8, what);
    return this.#whole(this.#view.getBigInt64(at, true), what);
  }

  flag(what: string): boolean {
    const byte = this.u8(what);
    return byte <= 1 ? byte === 1 : this.refuse(`${what} is the byte ${byte}, where 0 or 1 must be`);
  }

  text(what: string): string {
    const length = this.count(1, what);
    if (length > MOST_TEXT) this.refuse(`${what} has ${length} bytes; a text has ${MOST_TEXT} at most`);
    const at = this.#take(length, what);
    try {
      return utf8.decode(this.#piece.subarray(at, at + length));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      return this.refuse(`${what} is not UTF-8 text`);
    }
  }

  /** A number of things that take `least` bytes each, which the rest of the file must be able to hold. */
  count(least: number, what: string): number {
    const count = this.u64(`the length of ${what}`);
    const left = this.#source.size - this.#at;
    if (count * least <= left) return count;
    return this.refuse(`${what} would have a length of ${count}, but only ${left} bytes are left; it may be truncated`);
  }

  /** The number of items of an array. All arrays together are limited, since a list takes many times the bytes that it has in the file. */
  items(least: number, what: string): number {
    const count = this.count(least, what);
    this.#items += count;
    if (this.#items <= MOST_ITEMS) return count;
    return this.refuse(`${what} has ${count} items, and all arrays together may have ${MOST_ITEMS}`);
  }

  #whole(value: bigint, what: string): number {
    if (value >= -(2n ** 53n) && value <= 2n ** 53n) return Number(value);
    return this.refuse(`${what} is ${value}, beyond 2^53`);
  }

  /** Where in the piece the next `bytes` bytes are, which are then read. */
  #take(bytes: number, what: string): number {
    const { size } = this.#source;
    const end = this.#at + bytes;
    if (end > size) this.refuse(`it ends at byte ${size}, in the midst of ${what}; it may be truncated`);
    if (end > this.#begin + this.#piece.length) {
      this.#begin = this.#at;
      this.#piece = this.#source.read(this.#at, Math.min(size, Math.max(end, this.#at + PIECE)));
      this.#view = new DataView(this.#piece.buffer, this.#piece.byteOffset, this.#piece.length);
    }
    this.#at = end;
    return end - bytes - this.#begin;
  }
}

/** A key or a tensor as a message shows it. */
export function named(kind: "key" | "tensor", name: string): string {
  return `${kind} ${quote(name)}`;
}
