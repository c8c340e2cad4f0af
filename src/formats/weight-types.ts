/**
 * The kinds of numbers that weights are stored as, in Safetensors and in GGUF files: bytes to floats, exactly. Quantised kinds
 * are blocks along a row; every value of a block is computed in one rounding, so all readers agree on its bits.
 */
import { InputError } from "../base/errors.ts";
import { bfloatsInto, halvesInto } from "./half-floats.ts";
import { decodeQ2K, decodeQ3K, decodeQ4K, decodeQ5K, decodeQ6K } from "./k-blocks.ts";
import { decodeIQ4NL, decodeQ4_0, decodeQ4_1, decodeQ5_0, decodeQ5_1, decodeQ8_0 } from "./small-blocks.ts";

/** A way to store floats in blocks. */
interface Encoding {
  /** Numbers of a block. */
  readonly numbers: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** Fills `floats` with the numbers of as many whole blocks. */
  decode(blocks: Uint8Array, floats: Float32Array): void;
}

const encodings = {
  F32: { numbers: 1, bytes: 4, decode: (bytes, floats) => new Uint8Array(floats.buffer, floats.byteOffset).set(bytes) },
  F16: { numbers: 1, bytes: 2, decode: halvesInto },
  BF16: { numbers: 1, bytes: 2, decode: bfloatsInto },
  Q4_0: { numbers: 32, bytes: 18, decode: decodeQ4_0 },
  Q4_1: { numbers: 32, bytes: 20, decode: decodeQ4_1 },
  Q5_0: { numbers: 32, bytes: 22, decode: decodeQ5_0 },
  Q5_1: { numbers: 32, bytes: 24, decode: decodeQ5_1 },
  Q8_0: { numbers: 32, bytes: 34, decode: decodeQ8_0 },
  IQ4_NL: { numbers: 32, bytes: 18, decode: decodeIQ4NL },
  Q2_K: { numbers: 256, bytes: 84, decode: decodeQ2K },
  Q3_K: { numbers: 256, bytes: 110, decode: decodeQ3K },
  Q4_K: { numbers: 256, bytes: 144, decode: decodeQ4K },
  Q5_K: { numbers: 256, bytes: 176, decode: decodeQ5K },
  Q6_K: { numbers: 256, bytes: 210, decode: decodeQ6K },
} as const satisfies Record<string, Encoding>;

/** A kind of number that weights may have. */
export type WeightType = keyof typeof encodings;

export const WEIGHT_TYPES = Object.keys(encodings) as readonly WeightType[];

export function isWeightType(name: string): name is WeightType {
  return Object.hasOwn(encodings, name);
}

/** Numbers and bytes of a block; 1 number where there are none. */
export function blockOf(type: WeightType): { readonly numbers: number; readonly bytes: number } {
  return encodings[type];
}

/** Bytes of `count` numbers, which fill whole blocks. */
export function bytesOfNumbers(type: WeightType, count: number): number {
  const { numbers, bytes } = encodings[type];
  return (count / numbers) * bytes;
}

/** The floats that `bytes` stand for. The bits of F32, and of a NaN, are kept. */
export function decodeWeights(type: WeightType, bytes: Uint8Array): Float32Array {
  const encoding: Encoding = encodings[type];
  const blocks = bytes.length / encoding.bytes;
  if (!Number.isInteger(blocks)) {
    throw new InputError(
      `${bytes.length} bytes are not a whole number of blocks of ${type}, which have ${encoding.bytes} bytes each`,
    );
  }
  const floats = new Float32Array(blocks * encoding.numbers);
  encoding.decode(bytes, floats);
  return floats;
}
