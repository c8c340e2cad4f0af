/** Which cells a query of the H-Transformer sees: every earlier token once, the coarser the farther. */
import * as assert from "uvu/assert";
import { seenAt } from "../../src/mechanisms/h-transformer.ts";
import type { MechanismSizes } from "../../src/mechanisms/mechanism.ts";
import { suite } from "../harness.ts";

const test = suite("h-transformer");

function sizesOf(block: number, levels: number): MechanismSizes {
  return { mechanism_block: block, mechanism_levels: levels } as MechanismSizes;
}

test("a small example, written out: blocks of 2, query 7 sees block 2 at level 0 and blocks 0 and 1 at level 1", () => {
  const sizes = sizesOf(2, 3);
  assert.equal(
    [0, 1, 2].map((level) => seenAt(7, level, sizes)),
    [
      [4, 6], // tokens 4 and 5
      [0, 2], // means of tokens 0 and 1, and of 2 and 3
      [0, 0],
    ],
  );
});

test("every token before a query's own block is seen exactly once, whatever the levels", () => {
  for (const [block, levels] of [
    [1, 1],
    [1, 5],
    [2, 3],
    [3, 2],
    [4, 4],
    [7, 1],
  ]) {
    for (let position = 0; position < 200; position++) {
      const times = new Int32Array(200);
      for (let level = 0; level < levels; level++) {
        const [from, to] = seenAt(position, level, sizesOf(block, levels)).map((cell) => cell * 2 ** level);
        for (let token = from; token < to; token++) times[token]++;
      }
      const before = Math.floor(position / block) * block;
      assert.equal(times, new Int32Array(200).fill(1, 0, before), `position ${position}, ${levels} levels of ${block}`);
    }
  }
});
