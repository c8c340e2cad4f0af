/** Passages planted at known distances, and a model of which we know how far it looks. */
import * as assert from "uvu/assert";
import { tensor } from "../../../src/autodiff/tensor.ts";
import { plantPassages, reachOf } from "../../../src/experiments/lab/reach.ts";
import type { LanguageModel } from "../../../src/nn/language-model.ts";
import type { SegmentInput } from "../../../src/nn/segment.ts";
import { suite } from "../../harness.ts";

const test = suite("reach");

const VOCABULARY = 200;
const text = Int32Array.from({ length: 24_000 }, () => 0);
const words = Int32Array.from({ length: VOCABULARY - 1 }, (_, i) => i + 1);

/** Says what followed the last two tokens where they stood last, at most `window` tokens back; else token 0. */
function copier(window: number): LanguageModel {
  const read: number[] = [];
  const next = () => {
    const [a, b] = read.slice(-2);
    for (let at = read.length - 3; at >= Math.max(0, read.length - window); at--) {
      if (read[at] === a && read[at + 1] === b) return read[at + 2];
    }
    return 0;
  };
  const forward = ({ ids }: SegmentInput) => {
    const logits = new Float32Array(ids.length * VOCABULARY);
    for (const [i, id] of Array.from(ids).entries()) {
      read.push(id);
      logits[i * VOCABULARY + next()] = 1;
    }
    return tensor(logits, [1, ids.length, VOCABULARY]);
  };
  const newState = () => ({ segmentLength: 100, release() {} });
  return { vocabulary: VOCABULARY, newState, forward } as unknown as LanguageModel;
}

test("every asked token stands as far behind its first occurrence as its distance says, to within a spacing", () => {
  const { ids, asked } = plantPassages(text, words, [128, 512, 2048]);
  assert.equal(
    [...asked.keys()].sort((a, b) => a - b),
    [128, 512, 2048],
  );
  for (const [distance, places] of asked) {
    assert.is(places.length, 96);
    for (const place of places) {
      const cue = ids.subarray(place - 6, place);
      const away = Array.from({ length: 40 }, (_, i) => distance - 20 + i);
      const earlier = away.filter((d) => cue.every((id, i) => id === 0 || ids[place - 6 - d + i] === id));
      assert.ok(earlier.length > 0, `nothing at ${distance} before ${place}`);
    }
  }
});

test("passages do not overlap: what is not planted is the text", () => {
  const { ids } = plantPassages(text, words, [128, 512]);
  const planted = ids.filter((id) => id !== 0).length;
  assert.is(planted, 2 * 2 * 16 * 12);
});

test("a distance that does not fit into the text is left out", () => {
  assert.equal([...plantPassages(text, words, [128, 23_990]).asked.keys()], [128]);
  assert.is(plantPassages(new Int32Array(0), words).asked.size, 0);
});

test("a model that looks 700 tokens back finds all that is nearer, and nothing that is farther", () => {
  const reach = reachOf(copier(700), plantPassages(text, words, [128, 512, 2048]));
  assert.ok((reach.get(128) ?? 0) > 0.95);
  assert.ok((reach.get(512) ?? 0) > 0.95);
  assert.is(reach.get(2048), 0);
});
