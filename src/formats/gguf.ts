/**
 * GGUF files: a header of metadata and tensors, then the numbers, little-endian. Versions 2 and 3, which differ in nothing that
 * a little-endian file shows. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 * The reader trusts nothing: whatever does not fit is an InputError that names file, key or tensor. Numbers are read tensor by
 * tensor, when they are asked for.
 */
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import type { ByteSource } from "./byte-source.ts";
import { GgufCursor, named } from "./gguf-cursor.ts";
import { type GgufMetadata, LEAST_ENTRY, readMetadata } from "./gguf-metadata.ts";
import { refuseMistakenFile } from "./mistaken-file.ts";
import type { FileTensor, WeightFile } from "./weight-file.ts";
import { blockOf, bytesOfNumbers, type WeightType } from "./weight-types.ts";

/** The content of a GGUF file. */
export interface GgufFile extends WeightFile {
  readonly metadata: GgufMetadata;
}

/** The types that can be read, by the number that a file has for each. */
const TYPES: ReadonlyMap<number, WeightType> = new Map([
  [0, "F32"],
  [1, "F16"],
  [2, "Q4_0"],
  [3, "Q4_1"],
  [6, "Q5_0"],
  [7, "Q5_1"],
  [8, "Q8_0"],
  [10, "Q2_K"],
  [11, "Q3_K"],
  [12, "Q4_K"],
  [13, "Q5_K"],
  [14, "Q6_K"],
  [20, "IQ4_NL"],
  [30, "BF16"],
]);

/** Names of types that cannot be read, for messages. */
const OTHER_TYPES: Readonly<Record<number, string>> = {
  9: "Q8_1",
  15: "Q8_K",
  16: "IQ2_XXS",
  17: "IQ2_XS",
  18: "IQ3_XXS",
  19: "IQ1_S",
  21: "IQ3_S",
  22: "IQ2_S",
  23: "IQ4_XS",
  24: "I8",
  25: "I16",
  26: "I32",
  27: "I64",
  28: "F64",
  29: "IQ1_M",
  34: "TQ1_0",
  35: "TQ2_0",
  39: "MXFP4",
};

const MAGIC = 0x46554747; // "GGUF"
const MOST_AXES = 4;
/** Fewest bytes of a tensor in the header: a length, a number of axes, a type, an offset. */
const LEAST_TENSOR = 24;
/** What numbers are aligned to by default. */
const ALIGNMENT = 32;

/** What the header says of a tensor. */
interface TensorInfo {
  readonly name: string;
  readonly type: WeightType;
  readonly shape: readonly number[];
  /** First byte, counted from where all numbers begin. */
  readonly begin: number;
  readonly size: number;
}

/** The metadata and tensors of the file. Throws an InputError for anything but a whole and consistent file. */
export function readGguf(source: ByteSource): GgufFile {
  requireGguf(source);
  const cursor = new GgufCursor(source);
  cursor.u32("its first bytes");
  cursor.u32("its version");
  const tensorCount = cursor.count(LEAST_TENSOR, "the list of tensors");
  const metadata = readMetadata(cursor, cursor.count(LEAST_ENTRY, "the metadata"));
  const alignment = alignmentOf(metadata, cursor);
  const infos = Array.from({ length: tensorCount }, (_, i) => readTensorInfo(cursor, i));
  const dataBegin = Math.ceil(cursor.offset / alignment) * alignment;
  checkLayout(infos, source.size - dataBegin, alignment, cursor);
  return { name: source.name, metadata, tensors: tensorsOf(infos, dataBegin, source) };
}

/** Refuses a file that is not GGUF, or has a version that this reader does not know. */
function requireGguf(source: ByteSource): void {
  const beginning = source.read(0, Math.min(source.size, 1024));
  const view = new DataView(beginning.buffer, beginning.byteOffset, beginning.length);
  if (beginning.length < 8) {
    throw new InputError(`${source.name}: not a GGUF file: it has only ${beginning.length} bytes`);
  }
  if (view.getUint32(0, true) !== MAGIC) {
    refuseMistakenFile(beginning, source.name, "a GGUF file");
    throw new InputError(`${source.name}: not a GGUF file: it does not begin with GGUF and a version`);
  }
  const version = view.getUint32(4, true);
  if (version === 2 || version === 3) return;
  const bigEndian = view.getUint32(4, false) < 16;
  const claim = bigEndian ? "is big-endian" : `has version ${version}`;
  throw new InputError(
    `${source.name} is a GGUF file that ${claim}; little-endian files of version 2 or 3 can be read`,
  );
}

function alignmentOf(metadata: GgufMetadata, cursor: GgufCursor): number {
  const alignment = metadata.get("general.alignment") ?? ALIGNMENT;
  if (
    typeof alignment === "number" &&
    alignment >= 8 &&
    alignment <= 2 ** 20 &&
    Number.isInteger(Math.log2(alignment))
  ) {
    return alignment;
  }
  return cursor.refuse(`general.alignment is ${show(alignment)}; it must be a power of 2 from 8 to 2^20`);
}

function readTensorInfo(cursor: GgufCursor, index: number): TensorInfo {
  const name = cursor.text(`the name of tensor ${index}`);
  const what = named("tensor", name);
  const axes = cursor.u32(`the number of axes of ${what}`);
  if (axes < 1 || axes > MOST_AXES) cursor.refuse(`${what} has ${axes} axes; it must have 1 to ${MOST_AXES}`);
  // The file has the contiguous axis first.
  const shape = Array.from({ length: axes }, () => cursor.u64(`the shape of ${what}`)).reverse();
  const type = weightType(cursor, what);
  const begin = cursor.u64(`the place of ${what}`);
  return { name, type, shape, begin, size: sizeOf(shape, type, cursor, what) };
}

function weightType(cursor: GgufCursor, what: string): WeightType {
  const number = cursor.u32(`the type of ${what}`);
  const type = TYPES.get(number);
  if (type !== undefined) return type;
  const known = [...TYPES.values()].join(", ");
  return cursor.refuse(`${what} has type ${OTHER_TYPES[number] ?? number}; readable are ${known}`);
}

function sizeOf(shape: readonly number[], type: WeightType, cursor: GgufCursor, what: string): number {
  const count = shape.reduce((product, length) => product * length, 1);
  if (count < 1 || !Number.isSafeInteger(count)) cursor.refuse(`${what} has the shape [${shape}], of no possible size`);
  const { numbers } = blockOf(type);
  const row = shape[shape.length - 1];
  if (row % numbers === 0) return bytesOfNumbers(type, count);
  return cursor.refuse(`${what} has rows of ${row} numbers, but ${type} comes in blocks of ${numbers}`);
}

/** The tensors must fill the `size` bytes after the header, each from a multiple of the alignment on. */
function checkLayout(infos: readonly TensorInfo[], size: number, alignment: number, cursor: GgufCursor): void {
  let filled = 0;
  for (const { name, begin, size: bytes } of infos.toSorted((a, b) => a.begin - b.begin)) {
    const expected = Math.ceil(filled / alignment) * alignment;
    const what = named("tensor", name);
    if (begin !== expected) cursor.refuse(`${what} begins at byte ${begin} of the data; it should be ${expected}`);
    filled = begin + bytes;
    if (filled > size) {
      cursor.refuse(
        `${what} has bytes ${begin} to ${filled}, but there are only ${Math.max(0, size)} bytes of data; it may be truncated`,
      );
    }
  }
  if (size - filled < alignment || infos.length === 0) return;
  cursor.refuse(`its tensors end at byte ${filled} of ${size} bytes of data; the rest belongs to none`);
}

function tensorsOf(infos: readonly TensorInfo[], dataBegin: number, source: ByteSource): Map<string, FileTensor> {
  const tensors = new Map<string, FileTensor>();
  for (const { name, type, shape, begin, size } of infos) {
    if (tensors.has(name)) {
      throw new InputError(`${source.name}: not a valid GGUF file: the ${named("tensor", name)} appears twice`);
    }
    const bytes = () => source.read(dataBegin + begin, dataBegin + begin + size);
    tensors.set(name, { name, dtype: type, shape, size, bytes });
  }
  return tensors;
}
