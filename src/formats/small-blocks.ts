/**
 * Blocks of 32 weights, as GGUF files have them: a scale d as a half float, at times a smallest value m, then whole numbers q of 4,
 * 5 or 8 bits. The value is d · q, or d · q + m. Bits of q are split: the low nibbles of 16 bytes are weights 0 to 15, the
 * high ones 16 to 31, and fifth bits stand together in 32 bits of their own.
 */
import { halfTable } from "./half-floats.ts";

const NUMBERS = 32;
const HALF = NUMBERS / 2;

/** Values of IQ4_NL's sixteen codes. */
const NONLINEAR = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

/** The half at byte `at`. */
function halfAt(halves: Float32Array, bytes: Uint8Array, at: number): number {
  return halves[bytes[at] | (bytes[at + 1] << 8)];
}

export function decodeQ8_0(blocks: Uint8Array, floats: Float32Array): void {
  const halves = halfTable();
  const signed = new Int8Array(blocks.buffer, blocks.byteOffset, blocks.length);
  for (let at = 0, to = 0; at < blocks.length; at += 2 + NUMBERS, to += NUMBERS) {
    const d = halfAt(halves, blocks, at);
    for (let i = 0; i < NUMBERS; i++) floats[to + i] = signed[at + 2 + i] * d;
  }
}

export function decodeQ4_0(blocks: Uint8Array, floats: Float32Array): void {
  const halves = halfTable();
  for (let at = 0, to = 0; at < blocks.length; at += 2 + HALF, to += NUMBERS) {
    const d = halfAt(halves, blocks, at);
    for (let i = 0; i < HALF; i++) {
      const pair = blocks[at + 2 + i];
      floats[to + i] = ((pair & 15) - 8) * d;
      floats[to + i + HALF] = ((pair >> 4) - 8) * d;
    }
  }
}

export function decodeQ4_1(blocks: Uint8Array, floats: Float32Array): void {
  const halves = halfTable();
  for (let at = 0, to = 0; at < blocks.length; at += 4 + HALF, to += NUMBERS) {
    const d = halfAt(halves, blocks, at);
    const m = halfAt(halves, blocks, at + 2);
    for (let i = 0; i < HALF; i++) {
      const pair = blocks[at + 4 + i];
      floats[to + i] = (pair & 15) * d + m;
      floats[to + i + HALF] = (pair >> 4) * d + m;
    }
  }
}

export function decodeQ5_0(blocks: Uint8Array, floats: Float32Array): void {
  const halves = halfTable();
  for (let at = 0, to = 0; at < blocks.length; at += 6 + HALF, to += NUMBERS) {
    const d = halfAt(halves, blocks, at);
    const fifths = wordAt(blocks, at + 2);
    for (let i = 0; i < HALF; i++) {
      const pair = blocks[at + 6 + i];
      floats[to + i] = ((pair & 15) + fifthBit(fifths, i) - 16) * d;
      floats[to + i + HALF] = ((pair >> 4) + fifthBit(fifths, i + HALF) - 16) * d;
    }
  }
}

export function decodeQ5_1(blocks: Uint8Array, floats: Float32Array): void {
  const halves = halfTable();
  for (let at = 0, to = 0; at < blocks.length; at += 8 + HALF, to += NUMBERS) {
    const d = halfAt(halves, blocks, at);
    const m = halfAt(halves, blocks, at + 2);
    const fifths = wordAt(blocks, at + 4);
    for (let i = 0; i < HALF; i++) {
      const pair = blocks[at + 8 + i];
      floats[to + i] = ((pair & 15) + fifthBit(fifths, i)) * d + m;
      floats[to + i + HALF] = ((pair >> 4) + fifthBit(fifths, i + HALF)) * d + m;
    }
  }
}

export function decodeIQ4NL(blocks: Uint8Array, floats: Float32Array): void {
  const halves = halfTable();
  for (let at = 0, to = 0; at < blocks.length; at += 2 + HALF, to += NUMBERS) {
    const d = halfAt(halves, blocks, at);
    for (let i = 0; i < HALF; i++) {
      const pair = blocks[at + 2 + i];
      floats[to + i] = NONLINEAR[pair & 15] * d;
      floats[to + i + HALF] = NONLINEAR[pair >> 4] * d;
    }
  }
}

/** Four bytes as 32 bits. */
function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** Bit `i` in the place of a number's fifth bit: 16 or 0. */
function fifthBit(bits: number, i: number): number {
  return ((bits >>> i) & 1) << 4;
}
