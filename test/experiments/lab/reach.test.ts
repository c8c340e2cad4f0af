/** Passages planted at known distances, and a model of which we know how far it looks. */
import * as assert from "uvu/assert";
import { tensor } from "../../../src/autodiff/tensor.ts";
import { plantPassages, reachOf } from "../../../src/experiments/lab/reach.ts";
import type { LanguageModel } from "../../../src/nn/language-model.ts";
import type { SegmentInput } from "../../../src/nn/segment.ts";
import { suite } from "../../harness.ts";

const test = suite("reach");

const VOCABULARY = 6000;
const text = new Int32Array(24_000);
/** No two passages of it share a token. */
const source = Int32Array.from({ length: VOCABULARY - 1 }, (_, i) => i + 1);

/** Sure of what followed the last token where it stood last, at most `window` tokens back; where it did not, all are alike. */
function copier(window: number): LanguageModel {
  const read: number[] = [];
  const next = () => {
    const last = read.length - 1;
    for (let at = last - 1; at >= Math.max(0, last - window); at--) if (read[at] === read[last]) return read[at + 1];
    return undefined;
  };
  const forward = ({ ids }: SegmentInput) => {
    const logits = new Float32Array(ids.length * VOCABULARY);
    for (const [i, id] of Array.from(ids).entries()) {
      read.push(id);
      const guess = next();
      if (guess !== undefined) logits[i * VOCABULARY + guess] = 50;
    }
    return tensor(logits, [1, ids.length, VOCABULARY]);
  };
  const newState = () => ({ segmentLength: 100, release() {} });
  return { vocabulary: VOCABULARY, newState, forward } as unknown as LanguageModel;
}

test("both occurrences are the same tokens, as far apart as the distance says, to within half a spacing", () => {
  const { ids, asked } = plantPassages(text, source, [128, 512, 2048]);
  assert.equal([...asked.keys()], [2048, 512, 128]);
  for (const [distance, { first, second }] of asked) {
    assert.is(first.length, 24 * 8);
    for (const [i, place] of first.entries()) {
      assert.ok(Math.abs(second[i] - place - distance) <= 20);
      assert.ok(ids[place] > 0);
      assert.is(ids[second[i]], ids[place]);
    }
  }
});

test("passages do not overlap: what is not planted is the text", () => {
  const { ids } = plantPassages(text, source, [128, 512]);
  assert.is(ids.filter((id) => id !== 0).length, 2 * 2 * 24 * 16);
});

test("a distance that does not fit into the text is left out", () => {
  assert.equal([...plantPassages(text, source, [128, 23_990]).asked.keys()], [128]);
  assert.is(plantPassages(new Int32Array(0), source).asked.size, 0);
});

test("a model that looks 700 tokens back knows all that is nearer, and nothing that is farther", () => {
  const reach = reachOf(copier(700), plantPassages(text, source, [128, 512, 2048]));
  assert.ok((reach.get(128) ?? 0) > 0.99);
  assert.ok((reach.get(512) ?? 0) > 0.99);
  assert.ok(Math.abs(reach.get(2048) ?? 1) < 0.01);
});
