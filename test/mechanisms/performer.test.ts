/** Performer's directions: orthogonal, of the lengths of normal vectors, and the same in every run. */
import * as assert from "uvu/assert";
import { directions } from "../../src/mechanisms/performer.ts";
import { suite } from "../harness.ts";

const test = suite("performer");

function product(all: Float32Array, a: number, b: number, width: number): number {
  let sum = 0;
  for (let d = 0; d < width; d++) sum += all[a * width + d] * all[b * width + d];
  return sum;
}

test("directions of a group are orthogonal, and those of different layers differ", () => {
  const [width, features] = [8, 20];
  const all = directions(features, width, 3);
  assert.is(all.length, features * width);
  for (let a = 0; a < features; a++) {
    for (let b = 0; b < a; b++) {
      if (Math.floor(a / width) !== Math.floor(b / width)) continue;
      assert.ok(Math.abs(product(all, a, b, width)) < 1e-4, `directions ${b} and ${a}`);
    }
  }
  assert.equal(directions(features, width, 3), all);
  assert.not.equal(directions(features, width, 4), all);
});

test("their mean squared length is the width, as that of normal vectors is", () => {
  const [width, features] = [16, 2000];
  const all = directions(features, width, 1);
  let sum = 0;
  for (const x of all) sum += x * x;
  assert.ok(Math.abs(sum / features / width - 1) < 0.03, `it is ${sum / features}`);
});
