/**
 * Half floats (F16) and brain floats (BF16) as floats, bit by bit: every one of them, subnormal, infinite or NaN, is a float, so
 * nothing is rounded; and the brain floats nearest to floats. Loops in TypeScript, because files are read before kernels are there; wasm/half.ts is for memories.
 */

/** The float of every half, made when the first is asked for. */
let table: Float32Array | undefined;

/** The floats of all 65,536 halves, by their bits. */
export function halfTable(): Float32Array {
  table ??= makeHalfTable();
  return table;
}

function makeHalfTable(): Float32Array {
  const bits = Uint32Array.from({ length: 65_536 }, (_, half) => floatBits(half));
  return new Float32Array(bits.buffer);
}

/** The bits of the float that the half with these bits stands for. */
function floatBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  let fraction = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  if (exponent > 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  if (fraction === 0) return sign >>> 0;
  let shifts = 0;
  for (; (fraction & 0x400) === 0; fraction <<= 1) shifts++;
  return (sign | ((113 - shifts) << 23) | ((fraction & 0x3ff) << 13)) >>> 0;
}

/** Fills `floats` from pairs of bytes. Bits are copied as whole numbers, for a float on its way may change a NaN. */
export function halvesInto(bytes: Uint8Array, floats: Float32Array): void {
  const bits = new Uint32Array(halfTable().buffer);
  const out = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  for (let i = 0; i < out.length; i++) out[i] = bits[bytes[2 * i] | (bytes[2 * i + 1] << 8)];
}

/** The same for brain floats, which are the upper half of a float. */
export function bfloatsInto(bytes: Uint8Array, floats: Float32Array): void {
  const out = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  for (let i = 0; i < out.length; i++) out[i] = (bytes[2 * i] << 16) | (bytes[2 * i + 1] << 24);
}

/** The bits of the nearest brain floats, ties to even. A float that is one keeps its bits; a NaN may become another. */
export function bfloatsOf(floats: Float32Array): Uint16Array {
  const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  return Uint16Array.from(bits, (word) => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16);
}
