/** Wrong variants of models fail the comparison with golden files, each by as much as the golden files' README says. */
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { suite } from "../harness.ts";
import { type Change, decoderAt, expectedOf, largestDifference } from "./decoder-models.ts";
import { absent, reference } from "./golden-models.ts";
import { wrongVariants } from "./wrong-variants.ts";

const test = suite("wrong variants");

/** How far each variant moves the logits, by model and name: the table of the README. */
function publishedDifferences(): Map<string, number> {
  const rows = readFileSync(`${reference}/README.md`, "utf8").matchAll(/^\| `([\w-]+)` \| (.+?) \| ([\d.]+) \|/gm);
  return new Map([...rows].map(([, model, variant, most]) => [`${model}: ${variant}`, Number(most)]));
}

/** Largest difference of the logits from the golden ones. */
function differenceOf(name: string, change: Change): number {
  const path = `${reference}/${name}`;
  const expected = expectedOf(`${path}/expected.safetensors`);
  const [rows, segment] = expected.shape("tokens");
  const model = decoderAt(path, { change });
  const state = model.newState({ rows, segment, window: 0, sinks: 0 });
  const logits = step(() => noGrad(() => model.forward({ ids: expected.i32("tokens") }, state).toArray()));
  state.release();
  model.release();
  return largestDifference(logits, expected.f32("logits"));
}

test.unless(absent, "a model that is not changed differs by less than the tolerance", () => {
  for (const name of Object.keys(wrongVariants)) assert.ok(differenceOf(name, (model) => model) < 2e-4, name);
});

for (const [name, variants] of Object.entries(wrongVariants)) {
  test.unless(absent, `${name}: each of ${Object.keys(variants).length} mistakes is noticed`, () => {
    const published = publishedDifferences();
    for (const [variant, change] of Object.entries(variants)) {
      const [actual, most] = [differenceOf(name, change), published.get(`${name}: ${variant}`)];
      assert.ok(most !== undefined, `the README has no variant "${variant}" of ${name}`);
      assert.ok(actual > 2e-4, `${name}, ${variant}: ${actual}`);
      assert.ok(Math.abs(actual / most - 1) < 0.05, `${name}, ${variant}: ${actual}, not ${most}`);
    }
  });
}
