/** The bytes of several memories together, known before the first is allocated. */
import * as assert from "uvu/assert";
import { memoryBytes, requireRoom } from "../../src/memory/bytes.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("bytes of memories");

test("a small example, written out: 2 pairs of 3 floats take 48 bytes, and 24 as halves", () => {
  const shape = { rows: 1, heads: 1, width: 3, size: 2, segment: 0 };
  assert.is(memoryBytes(shape), 48); // keys and values, 2 · 2 · 3 · 4
  assert.is(memoryBytes(shape, { dtype: "float16" }), 24);
});

test("memories that fit one by one are refused if they do not fit together, with the bytes of all", () => {
  const pairBytes = 2 * 1024 * 4;
  const shape = { rows: 1, heads: 1, width: 1024, size: Math.floor(heap.bytesAvailable / pairBytes / 2), segment: 7 };
  requireRoom(shape, {});
  requireRoom(shape, { dtype: "float16" }, 3);
  const [needed, halved] = [memoryBytes(shape), memoryBytes(shape, { dtype: "float16" })];
  assert.is(needed, (shape.size + 7) * pairBytes);
  assert.is(
    refusal(() => requireRoom(shape, {}, 3)),
    `a memory of ${shape.size} pairs needs ${3 * needed} bytes, but ${heap.bytesAvailable} are left of the 4 GiB that one ` +
      `WebAssembly memory can hold; make it smaller, or keep it as float16, which takes ${3 * halved} bytes`,
  );
});

test("an impossible shape or option is refused by name", () => {
  const shape = { rows: 1, heads: 1, width: 4, size: 9, segment: 0 };
  const refused = (changes: object, options: object = {}) =>
    refusal(() => memoryBytes({ ...shape, ...changes }, options));
  assert.is(refused({ size: 1.5 }), "size: got 1.5; it must be a whole number from 1 to 2,147,483,648");
  assert.is(refused({ with: 4 }), 'a memory\'s shape: unknown key "with"; did you mean width?');
  assert.is(refused({}, { dtype: "float64" }), 'dtype: got "float64"; it must be "float32" or "float16"');
  assert.is(refused({}, { probes: 0 }), "probes: got 0; it must be a whole number from 1 to 65,535");
  assert.is(memoryBytes(shape, { kind: undefined, lists: undefined, dtype: undefined }), memoryBytes(shape));
});
