/** For tests of safetensors: files with every dtype, and files whose header is whatever a test makes it. */
import type { StoredTensor } from "../../src/formats/safetensors.ts";

/** One tensor of every dtype, with a scalar, an empty one and odd lengths that upset alignment. */
export function everyDtype(): Map<string, StoredTensor> {
  return new Map<string, StoredTensor>([
    ["bytes", { dtype: "U8", shape: [3], data: Uint8Array.of(0, 127, 255) }],
    ["half", { dtype: "F16", shape: [1, 3], data: Uint16Array.of(0x3c00, 0xffff, 1) }],
    ["brain", { dtype: "BF16", shape: [3], data: Uint16Array.of(0x3f80, 0xffff, 1) }],
    ["single", { dtype: "F32", shape: [2, 1], data: Float32Array.of(-0, Number.NaN) }],
    ["long", { dtype: "I64", shape: [1], data: BigInt64Array.of(-(2n ** 63n)) }],
    ["int", { dtype: "I32", shape: [], data: Int32Array.of(-1) }],
    ["unsigned", { dtype: "U32", shape: [5], data: Uint32Array.of(0, 1, 2, 3, 2 ** 32 - 1) }],
    ["empty", { dtype: "F32", shape: [4, 0, 3], data: new Float32Array(0) }],
  ]);
}

/** A file with this header and this much data, whether they fit or not. */
export function fileOf(header: unknown, dataBytes: number): Uint8Array {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  return rawFile(new TextEncoder().encode(text), dataBytes);
}

export function rawFile(header: Uint8Array, dataBytes: number, claimedLength = BigInt(header.length)): Uint8Array {
  const bytes = new Uint8Array(8 + header.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimedLength, true);
  bytes.set(header, 8);
  return bytes;
}
