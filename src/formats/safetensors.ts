/**
 * The safetensors format, read from bytes and written to bytes: named arrays with a shape, and a table of texts.
 * Eight bytes of header length, a JSON header, then the data of all tensors without gaps, little-endian.
 * https://huggingface.co/docs/safetensors/index#format
 *
 * The reader trusts nothing: whatever does not fit is an InputError that names file and tensor, and it never allocates
 * more than the file's own size justifies. It opens no files and knows nothing of models.
 */
import {
  aByteArray,
  aName,
  aText,
  check,
  checkOptions,
  instance,
  type Kind,
  type Kinds,
  listOf,
  oneOf,
  someObject,
  someOptions,
  whole,
} from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { sourceOf } from "./byte-source.ts";
import { quote } from "./json-scanner.ts";
import type { HeaderEntry } from "./safetensors-header.ts";
import { LENGTH_BYTES, LONGEST_HEADER, readLayout } from "./safetensors-layout.ts";

/** How each dtype is held. F16 stays as its bits; asFloats of wasm/half.ts makes numbers of them. */
export interface Arrays {
  /** 32-bit floats. */
  F32: Float32Array;
  /** 16-bit floats, as their bits. */
  F16: Uint16Array;
  /** The upper halves of 32-bit floats, as their bits. */
  BF16: Uint16Array;
  /** 32-bit integers. */
  I32: Int32Array;
  /** 32-bit integers without a sign. */
  U32: Uint32Array;
  /** 64-bit integers. */
  I64: BigInt64Array;
  /** Bytes. */
  U8: Uint8Array;
}

/** A tensor as a file has it: its kind of number, its shape, and the numbers in row-major order. */
export type StoredTensor = {
  [D in keyof Arrays]: { dtype: D; shape: readonly number[]; data: Arrays[D] };
}[keyof Arrays];

/** The content of a safetensors file. */
export interface SafetensorsFile {
  /** In the order of the header. */
  tensors: Map<string, StoredTensor>;
  /** Texts by name, which the format leaves to the writer. */
  metadata: Record<string, string>;
}

const arraysOf = {
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I32: Int32Array,
  U32: Uint32Array,
  I64: BigInt64Array,
  U8: Uint8Array,
} as const;

const bytesPerElement: Readonly<Record<keyof Arrays, number>> = {
  F32: 4,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  I64: 8,
  U8: 1,
};

/**
 * Every tensor of the file. Aligned tensors are views into `bytes`, the others copies.
 * `source` names the file in messages. Throws an InputError for anything but a whole and consistent file.
 */
export function readSafetensors(bytes: Uint8Array, source: string): SafetensorsFile {
  check("bytes", bytes, aByteArray);
  check("source", source, aText);
  const { entries, metadata, dataBegin } = readLayout(sourceOf(bytes, source));
  const body = bytes.subarray(dataBegin);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of entries) tensors.set(name, readTensor(name, entry, body, source));
  return { tensors, metadata };
}

/**
 * The file that holds `tensors` and `metadata`. Data come in order of falling element size, then of insertion, which
 * together with a header padded to 8 bytes aligns every tensor.
 * @throws InputError for what `readSafetensors` would not read again: a shape that does not fit, half of a character
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  requireStoredTensors(tensors);
  requireMetadata(metadata);
  const ordered = [...tensors].sort(([, a], [, b]) => bytesPerElement[b.dtype] - bytesPerElement[a.dtype]);
  const header = encodeHeader(ordered, metadata);
  const total = ordered.reduce((sum, [, { data }]) => sum + data.byteLength, LENGTH_BYTES + header.length);
  const bytes = roomFor(total);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, LENGTH_BYTES);
  let at = LENGTH_BYTES + header.length;
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** @throws InputError if this engine has no array of so many bytes */
function roomFor(total: number): Uint8Array {
  try {
    return new Uint8Array(total);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(
      `a file of ${total} bytes is more than this engine can hold at once; weights of 16 bits take half of it`,
    );
  }
}

const tensorMap: Kind = instance(Map, "a Map from names to tensors");
const tensorKinds: Kinds<StoredTensor> = {
  dtype: oneOf(...Object.keys(bytesPerElement)),
  shape: listOf(whole(0)),
  data: someObject,
};

/** @throws InputError that names the tensor which is none, or could not be stored */
export function requireStoredTensors(tensors: ReadonlyMap<string, StoredTensor>): void {
  check("tensors", tensors, tensorMap);
  for (const [name, tensor] of tensors) {
    check("the name of a tensor", name, aName);
    if (name === "__metadata__") {
      throw new InputError("a tensor cannot be called __metadata__, the format's own name");
    }
    checkOptions(`tensor ${quote(name)}`, tensor, tensorKinds);
    const { dtype, shape, data } = tensor;
    check(`the data of tensor ${quote(name)}`, data, instance(arraysOf[dtype], `of the class ${arraysOf[dtype].name}`));
    if (elementCount(shape) !== data.length) {
      throw new InputError(`tensor ${quote(name)} has ${data.length} elements, not those of shape [${shape}]`);
    }
  }
}

function requireMetadata(metadata: Readonly<Record<string, string>>): void {
  check("metadata", metadata, someOptions);
  for (const [key, text] of Object.entries(metadata)) {
    check("a key of the metadata", key, aName);
    check(`metadata of ${quote(key)}`, text, aName);
  }
}

/** The tensor of floats, or of the bits of half floats. */
export function floatTensor(shape: readonly number[], data: Arrays["F32"] | Arrays["F16"]): StoredTensor {
  return data instanceof Float32Array ? { dtype: "F32", shape, data } : { dtype: "F16", shape, data };
}

/** A tensor of whole numbers, [n]. */
export function integerTensor(numbers: ArrayLike<number>): StoredTensor {
  return { dtype: "I64", shape: [numbers.length], data: BigInt64Array.from(numbers, BigInt) };
}

function readTensor(name: string, entry: HeaderEntry, body: Uint8Array, source: string): StoredTensor {
  const { shape, begin, end } = entry;
  const dtype = knownDtype(entry.dtype);
  if (dtype === undefined) {
    const known = Object.keys(bytesPerElement).join(", ");
    throw new InputError(`${source}: tensor ${quote(name)} has dtype ${quote(entry.dtype)}; readable are ${known}`);
  }
  const needed = elementCount(shape) * bytesPerElement[dtype];
  if (needed !== end - begin) {
    const claim = `${dtype} and shape [${shape.slice(0, 8)}${shape.length > 8 ? ", …" : ""}]`;
    throw new InputError(`${source}: tensor ${quote(name)} has ${end - begin} bytes, but ${claim} needs ${needed}`);
  }
  return viewTensor(dtype, shape, aligned(body.subarray(begin, end), bytesPerElement[dtype]));
}

function knownDtype(dtype: string): keyof Arrays | undefined {
  return Object.hasOwn(bytesPerElement, dtype) ? (dtype as keyof Arrays) : undefined;
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, length) => count * length, 1);
}

/** `bytes` themselves where a typed array may begin there, else a copy. */
function aligned(bytes: Uint8Array, elementSize: number): Uint8Array {
  return bytes.byteOffset % elementSize === 0 ? bytes : bytes.slice();
}

function viewTensor(
  dtype: keyof Arrays,
  shape: number[],
  { buffer, byteOffset, byteLength }: Uint8Array,
): StoredTensor {
  const length = byteLength / bytesPerElement[dtype];
  switch (dtype) {
    case "F32":
      return { dtype, shape, data: new Float32Array(buffer, byteOffset, length) };
    case "F16":
      return { dtype, shape, data: new Uint16Array(buffer, byteOffset, length) };
    case "BF16":
      return { dtype, shape, data: new Uint16Array(buffer, byteOffset, length) };
    case "I32":
      return { dtype, shape, data: new Int32Array(buffer, byteOffset, length) };
    case "U32":
      return { dtype, shape, data: new Uint32Array(buffer, byteOffset, length) };
    case "I64":
      return { dtype, shape, data: new BigInt64Array(buffer, byteOffset, length) };
    case "U8":
      return { dtype, shape, data: new Uint8Array(buffer, byteOffset, length) };
  }
}

/** The header of tensors whose data follow in this order, padded with spaces to a multiple of 8 bytes. */
function encodeHeader(
  ordered: readonly (readonly [string, StoredTensor])[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  let end = 0;
  const entries = ordered.map(([name, { dtype, shape, data }]) => {
    const begin = end;
    end += data.byteLength;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const described = Object.keys(metadata).length === 0 ? entries : [["__metadata__", metadata], ...entries];
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(described)));
  if (json.length > LONGEST_HEADER) {
    throw new InputError(`the header would be ${json.length} bytes, at most ${LONGEST_HEADER} are possible`);
  }
  const header = new Uint8Array(Math.ceil(json.length / 8) * 8).fill(0x20);
  header.set(json);
  return header;
}
