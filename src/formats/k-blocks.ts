/**
 * Blocks of 256 weights, as GGUF files of the kinds "K" have them: two half floats for the whole block, a small whole scale (and at
 * times a smallest value) for each 16 or 32 weights, and the weights as whole numbers of 2 to 6 bits.
 *
 * With d and e for the halves, s and m for the small numbers, and q for a weight's: the value is (d · s) · q in Q3_K and Q6_K,
 * (d · s) · q − (e · m) in the others. Every product fits a double, so there is one rounding, to a float.
 */
import { halfTable } from "./half-floats.ts";

const NUMBERS = 256;

/** Calls `decode` for each block of `size` bytes with its first byte and the place of its first number. */
function eachBlock(blocks: Uint8Array, size: number, decode: (at: number, to: number) => void): void {
  for (let at = 0, to = 0; at < blocks.length; at += size, to += NUMBERS) decode(at, to);
}

function halfAt(bytes: Uint8Array, at: number): number {
  return halfTable()[bytes[at] | (bytes[at + 1] << 8)];
}

/** 84 bytes: s and m of 16 groups in a byte each, q of 2 bits in 64 bytes, d, e. */
export function decodeQ2K(blocks: Uint8Array, floats: Float32Array): void {
  eachBlock(blocks, 84, (at, to) => {
    const [d, e] = [halfAt(blocks, at + 80), halfAt(blocks, at + 82)];
    for (let group = 0; group < 16; group++) {
      const small = blocks[at + group];
      const [scale, least] = [d * (small & 15), e * (small >> 4)];
      const [stretch, shift, from] = [group >> 3, group & 6, 16 * (group & 1)];
      for (let i = 0; i < 16; i++) {
        const q = (blocks[at + 16 + 32 * stretch + from + i] >> shift) & 3;
        floats[to + 16 * group + i] = scale * q - least;
      }
    }
  });
}

/** 110 bytes: third bits of q in 32 bytes, its lower two in 64, s of 16 groups in 12 bytes, d. */
export function decodeQ3K(blocks: Uint8Array, floats: Float32Array): void {
  eachBlock(blocks, 110, (at, to) => {
    const d = halfAt(blocks, at + 108);
    for (let group = 0; group < 16; group++) {
      const scale = d * scaleOfQ3K(blocks, at + 96, group);
      const [stretch, shift, from] = [group >> 3, group & 6, 16 * (group & 1)];
      for (let i = 0; i < 16; i++) {
        const low = (blocks[at + 32 + 32 * stretch + from + i] >> shift) & 3;
        const high = (blocks[at + from + i] >> (group >> 1)) & 1;
        floats[to + 16 * group + i] = scale * (low + 4 * high - 4);
      }
    }
  });
}

/** Four low bits of a scale are a nibble of the first 8 bytes, two high bits lie in the last 4. */
function scaleOfQ3K(blocks: Uint8Array, at: number, group: number): number {
  const nibbles = blocks[at + (group & 7)];
  const low = group < 8 ? nibbles & 15 : nibbles >> 4;
  const high = (blocks[at + 8 + (group & 3)] >> (2 * (group >> 2))) & 3;
  return (low | (high << 4)) - 32;
}

/** 144 bytes: d, e, s and m of 8 groups in 12 bytes, q of 4 bits in 128: two groups share 32 bytes, as their nibbles. */
export function decodeQ4K(blocks: Uint8Array, floats: Float32Array): void {
  eachBlock(blocks, 144, (at, to) => {
    const [d, e] = [halfAt(blocks, at), halfAt(blocks, at + 2)];
    for (let group = 0; group < 8; group++) {
      const [scale, least] = [d * scaleOf(blocks, at + 4, group), e * leastOf(blocks, at + 4, group)];
      const from = at + 16 + 32 * (group >> 1);
      const shift = 4 * (group & 1);
      for (let i = 0; i < 32; i++) floats[to + 32 * group + i] = scale * ((blocks[from + i] >> shift) & 15) - least;
    }
  });
}

/** The scale and the smallest value of every 32 weights of Q4_K blocks: a weight is scale · q + minimum. */
export function scalesOfQ4K(blocks: Uint8Array, scales: Float32Array, minimums: Float32Array): void {
  eachBlock(blocks, 144, (at, to) => {
    const [d, e] = [halfAt(blocks, at), halfAt(blocks, at + 2)];
    for (let group = 0; group < 8; group++) {
      scales[to / 32 + group] = d * scaleOf(blocks, at + 4, group);
      minimums[to / 32 + group] = -e * leastOf(blocks, at + 4, group);
    }
  });
}

/** 176 bytes: as Q4_K, with 32 bytes before the nibbles, whose bit g is the fifth bit of a weight of group g. */
export function decodeQ5K(blocks: Uint8Array, floats: Float32Array): void {
  eachBlock(blocks, 176, (at, to) => {
    const [d, e] = [halfAt(blocks, at), halfAt(blocks, at + 2)];
    for (let group = 0; group < 8; group++) {
      const [scale, least] = [d * scaleOf(blocks, at + 4, group), e * leastOf(blocks, at + 4, group)];
      const from = at + 48 + 32 * (group >> 1);
      const shift = 4 * (group & 1);
      for (let i = 0; i < 32; i++) {
        const q = ((blocks[from + i] >> shift) & 15) + 16 * ((blocks[at + 16 + i] >> group) & 1);
        floats[to + 32 * group + i] = scale * q - least;
      }
    }
  });
}

/** Six bits of group 0 to 3 lie in its own byte; of 4 to 7 four lie in bytes 8 to 11, two above the scale of group - 4. */
function scaleOf(blocks: Uint8Array, at: number, group: number): number {
  if (group < 4) return blocks[at + group] & 63;
  return (blocks[at + group + 4] & 15) | ((blocks[at + group - 4] >> 6) << 4);
}

/** The same of the smallest values, which begin at byte 4. */
function leastOf(blocks: Uint8Array, at: number, group: number): number {
  if (group < 4) return blocks[at + group + 4] & 63;
  return (blocks[at + group + 4] >> 4) | ((blocks[at + group] >> 6) << 4);
}

/** 210 bytes: low nibbles of q in 128 bytes, its upper two bits in 64, signed s of 16 groups in a byte each, d. */
export function decodeQ6K(blocks: Uint8Array, floats: Float32Array): void {
  const signed = new Int8Array(blocks.buffer, blocks.byteOffset, blocks.length);
  eachBlock(blocks, 210, (at, to) => {
    const d = halfAt(blocks, at + 208);
    for (let group = 0; group < 16; group++) {
      const scale = d * signed[at + 192 + group];
      const [stretch, quarter, from] = [group >> 3, (group >> 1) & 3, 16 * (group & 1)];
      const nibbles = at + 64 * stretch + 32 * (quarter & 1) + from;
      const upper = at + 128 + 32 * stretch + from;
      for (let i = 0; i < 16; i++) {
        const low = (blocks[nibbles + i] >> (4 * (quarter >> 1))) & 15;
        const high = (blocks[upper + i] >> (2 * quarter)) & 3;
        floats[to + 16 * group + i] = scale * (low + 16 * high - 32);
      }
    }
  });
}
