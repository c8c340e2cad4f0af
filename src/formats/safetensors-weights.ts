/**
 * Weights in safetensors files, read tensor by tensor. Unlike readSafetensors it takes files with numbers of any kind, since
 * published models have masks and tables among their weights. Callers that need a tensor look at its kind.
 */
import { InputError } from "../base/errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { quote } from "./json-scanner.ts";
import type { HeaderEntry } from "./safetensors-header.ts";
import { readLayout } from "./safetensors-layout.ts";
import type { FileTensor, WeightFile } from "./weight-file.ts";

/** Bits of a number, by the names of the format. */
const BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  I64: 64,
  U64: 64,
  F64: 64,
};

/** The tensors of the file. Throws an InputError for anything but a whole and consistent file. */
export function safetensorsWeights(source: ByteSource): WeightFile {
  const { entries, dataBegin } = readLayout(source);
  const tensors = new Map<string, FileTensor>();
  for (const [name, entry] of entries) {
    checkSize(name, entry, source.name);
    const { dtype, shape, begin, end } = entry;
    const bytes = () => source.read(dataBegin + begin, dataBegin + end);
    tensors.set(name, { name, dtype, shape, size: end - begin, bytes });
  }
  return { name: source.name, tensors };
}

function checkSize(name: string, { dtype, shape, begin, end }: HeaderEntry, source: string): void {
  if (!Object.hasOwn(BITS, dtype)) return; // of a newer writer; refused if somebody needs it
  const needed = (shape.reduce((count, length) => count * length, 1) * BITS[dtype]) / 8;
  if (needed === end - begin) return;
  const claim = `${dtype} and shape [${shape.slice(0, 8)}${shape.length > 8 ? ", …" : ""}]`;
  throw new InputError(`${source}: tensor ${quote(name)} has ${end - begin} bytes, but ${claim} needs ${needed}`);
}
