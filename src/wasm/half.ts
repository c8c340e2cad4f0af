/**
 * Converts arrays of half floats, held as their bits, to and from arrays of floats. The kernels do the work, a piece at a time, so
 * large arrays need no second copy on the heap. For halves in a memory see memory/ring.ts.
 */
import type { Address } from "./heap.ts";
import { heap, kernels } from "./runtime.ts";

/** Numbers as a memory or a file stores them: floats, or the bits of halves. */
export type StoredNumbers = Float32Array | Uint16Array;

/** The bits of a half's exponent, all set in a NaN or an infinity. */
const HALF_EXPONENT = 0x7c00;

/** Numbers converted at a time. */
const PIECE = 65_536;

/** Returns the same numbers as floats. Floats are not copied. Halves must not be a view of the heap, which may grow here. */
export function asFloats(numbers: StoredNumbers): Float32Array {
  if (numbers instanceof Float32Array) return numbers;
  const floats = new Float32Array(numbers.length);
  inPieces(numbers.length, (from, to, atFloats, atHalves) => {
    heap.u16(atHalves, to - from).set(numbers.subarray(from, to));
    kernels.unpack_half(atFloats, atHalves, to - from);
    floats.set(heap.f32(atFloats, to - from), from);
  });
  return floats;
}

/**
 * Returns the nearest halves, ties to even. Numbers beyond ±65504 become ±65504, because an infinity would spoil every sum
 * it enters. Halves are not copied. Floats must not be a view of the heap, which may grow here.
 */
export function asHalves(numbers: StoredNumbers): Uint16Array {
  if (numbers instanceof Uint16Array) return numbers;
  const halves = new Uint16Array(numbers.length);
  inPieces(numbers.length, (from, to, atFloats, atHalves) => {
    heap.f32(atFloats, to - from).set(numbers.subarray(from, to));
    kernels.pack_half(atHalves, atFloats, to - from);
    halves.set(heap.u16(atHalves, to - from), from);
  });
  return halves;
}

/** Returns the index of the first NaN or infinity, or −1 if all numbers are finite. */
export function firstNotFinite(numbers: StoredNumbers): number {
  const halves = numbers instanceof Uint16Array;
  for (let i = 0; i < numbers.length; i++) {
    const finite = halves ? (numbers[i] & HALF_EXPONENT) !== HALF_EXPONENT : Number.isFinite(numbers[i]);
    if (!finite) return i;
  }
  return -1;
}

/** Calls `convert` for [from, to) of [0, length), piece by piece, with the addresses of a piece's floats and halves. */
function inPieces(
  length: number,
  convert: (from: number, to: number, atFloats: Address, atHalves: Address) => void,
): void {
  const room = Math.min(PIECE, length);
  const address = heap.allocate(room * 6);
  try {
    for (let from = 0; from < length; from += room) {
      convert(from, Math.min(length, from + room), address, address + room * 4);
    }
  } finally {
    heap.release(address);
  }
}
