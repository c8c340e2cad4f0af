/** A short run of the mutation fuzzer, with a seed of its own each day. */
import { rmSync } from "node:fs";
import * as assert from "uvu/assert";
import { suite } from "../harness.ts";
import { attack, input, newDirectory } from "./attack.ts";
import { readers } from "./readers.ts";

const test = suite("fuzzed readers");
const seed = Math.floor(Date.now() / 86_400_000);
let directory = "";

test.before(() => {
  directory = newDirectory();
});
test.after(() => rmSync(directory, { recursive: true }));

test("a small example, written out: a configuration is taken, and refused without its last two bytes", () => {
  const [reader] = readers.filter(({ name }) => name === "config");
  const bytes = reader.join(reader.seeds[0]);
  assert.equal(
    [bytes, bytes.subarray(0, -2)].map((file) => attack(reader, file, directory)),
    [false, true],
  );
});

for (const [place, reader] of readers.entries()) {
  test(`the reader "${reader.name}" takes its own good files`, () => {
    for (const parts of reader.seeds) assert.is(attack(reader, reader.join(parts), directory), false);
  });
  test(`the reader "${reader.name}" reads or refuses spoilt files, of seed ${seed}`, () => {
    let refused = 0;
    for (let index = place; index < 200 * readers.length; index += readers.length) {
      const { bytes } = input(seed, index);
      try {
        refused += Number(attack(reader, bytes, directory));
      } catch (error) {
        throw new Error(`--seed ${seed} --from ${index} --inputs 1: ${(error as Error).stack}`);
      }
    }
    assert.ok(refused > 20, `only ${refused} of 200 were refused`);
  });
}
