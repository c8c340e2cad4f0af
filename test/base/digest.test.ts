import * as assert from "uvu/assert";
import { digest, murmur3 } from "../../src/base/digest.ts";
import { suite } from "../harness.ts";

const test = suite("digest");

const bytesOf = (text: string) => new TextEncoder().encode(text);

test("the hash is MurmurHash3, as published examples have it", () => {
  assert.is(murmur3(bytesOf(""), 0), 0);
  assert.is(murmur3(bytesOf(""), 1), 0x514e28b7);
  assert.is(murmur3(bytesOf(""), 0xffffffff), 0x81f16f39);
  assert.is(murmur3(Uint8Array.of(0xff, 0xff, 0xff, 0xff), 0), 0x76293b50);
  assert.is(murmur3(Uint8Array.of(0x21, 0x43, 0x65, 0x87), 0), 0xf55b516b);
  assert.is(murmur3(Uint8Array.of(0x21, 0x43, 0x65), 0), 0x7e4a8634);
  assert.is(murmur3(Uint8Array.of(0x21), 0), 0x72661cf4);
  assert.is(murmur3(bytesOf("Hello, world!"), 0x9747b28c), 0x24884cba);
  assert.is(murmur3(bytesOf("The quick brown fox jumps over the lazy dog"), 0x9747b28c), 0x2fa826cd);
});

test("a digest depends on every bit, on lengths and on where pieces end", () => {
  const bytes = Uint8Array.from({ length: 37 }, (_, i) => i * 11);
  const digests = new Set([digest([bytes])]);
  for (let bit = 0; bit < 37 * 8; bit++) {
    const altered = bytes.slice();
    altered[bit >> 3] ^= 1 << (bit & 7);
    digests.add(digest([altered]));
  }
  for (let length = 0; length < 37; length++) digests.add(digest([bytes.subarray(0, length)]));
  for (let cut = 0; cut <= 37; cut++) digests.add(digest([bytes.subarray(0, cut), bytes.subarray(cut)]));
  assert.is(digests.size, 1 + 37 * 8 + 37 + 38);
  for (const text of digests) assert.match(text, /^[0-9a-f]{16}$/);
});

test("bytes that begin anywhere in their buffer have the same digest", () => {
  const bytes = Uint8Array.from({ length: 50 }, (_, i) => (i * i) % 251);
  for (let shift = 1; shift < 8; shift++) {
    const moved = new Uint8Array(58).subarray(shift, shift + 50);
    moved.set(bytes);
    assert.is(digest([moved]), digest([bytes]));
  }
});
