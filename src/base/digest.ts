/**
 * Digests that tell files and models apart: MurmurHash3 (x86, 32 bits; Appleby 2011), twice with different seeds.
 *
 * Every step of it is one to one, so a single changed word always changes the digest; of other differences one in 2^64 goes
 * unnoticed. It protects against accidents, not attackers: this is not a cryptographic hash.
 */

const SEEDS = [0, 0x9e3779b9];

/** 16 hexadecimal digits for pieces of bytes. The borders between pieces count as well. */
export function digest(pieces: Iterable<Uint8Array>): string {
  let hashes = SEEDS;
  for (const piece of pieces) hashes = hashes.map((hash) => murmur3(piece, hash));
  return hashes.map((hash) => hash.toString(16).padStart(8, "0")).join("");
}

/** MurmurHash3_x86_32 of `bytes`, an unsigned 32-bit integer. */
export function murmur3(bytes: Uint8Array, seed: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length & ~3;
  let hash = seed | 0;
  for (let at = 0; at < whole; at += 4) {
    hash ^= scrambled(view.getInt32(at, true));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let at = bytes.length - 1; at >= whole; at--) rest = (rest << 8) | bytes[at];
  return finished(hash ^ scrambled(rest) ^ bytes.length);
}

function scrambled(word: number): number {
  const product = Math.imul(word, 0xcc9e2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593);
}

/** Lets every bit depend on every other. */
function finished(hash: number): number {
  const half = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const whole = Math.imul(half ^ (half >>> 13), 0xc2b2ae35);
  return (whole ^ (whole >>> 16)) >>> 0;
}
