/** The compressor of the demo: it profits from what it has read, and a text that it cannot know costs what it costs alone. */
import * as assert from "uvu/assert";
import { Random } from "../../../src/base/random.ts";
import { brotliBits } from "../../../src/cli/demo/compressor.ts";
import { suite } from "../../harness.ts";

const test = suite("the compressor of the demo");

/** Letters without order, sixteen of them from `first` on. */
function noise(length: number, seed: number, first = "a"): string {
  const random = new Random(seed);
  const letter = () => String.fromCharCode(first.charCodeAt(0) + Math.floor(16 * random.next()));
  return Array.from({ length }, letter).join("");
}

test("what was read before costs next to nothing, however long ago", () => {
  const text = noise(4000, 1);
  assert.ok(brotliBits("", text) > 3.9, "four bits a letter");
  assert.ok(brotliBits(text + noise(300_000, 2), text) < 0.1);
  assert.ok(brotliBits(noise(4000, 3), text) > 3.9);
});

test("bytes are counted, not letters", () => {
  const bits = brotliBits("", noise(4000, 1, "а")); // Cyrillic, two bytes a letter
  assert.ok(bits > 1.95 && bits < 2.2, `${bits}`);
});
