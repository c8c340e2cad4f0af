import * as assert from "uvu/assert";
import { Random } from "../../../src/base/random.ts";
import { type CopyingMethod, nthLargest, SHARPNESSES, votes } from "../../../src/experiments/copying/copying.ts";
import { mixture } from "../../../src/experiments/copying/interpolation.ts";
import { knnLm } from "../../../src/experiments/copying/knn-lm.ts";
import { neuralCache } from "../../../src/experiments/copying/neural-cache.ts";
import { type HiddenDocument, readHidden } from "../../../src/experiments/copying/read-hidden.ts";
import { Transformer } from "../../../src/model/transformer.ts";
import { byteTokenizer } from "../../../src/text/tokenizer.ts";
import { evaluate } from "../../../src/train/evaluate.ts";
import { suite } from "../../harness.ts";
import { documentOf, randomDocuments, tinyConfig } from "../../tiny.ts";

const test = suite("copying baselines");

function randomDocument(count: number, width: number): HiddenDocument {
  const random = new Random(count);
  const floats = () => Float32Array.from({ length: count * width }, () => random.normal());
  const targets = Int32Array.from({ length: count }, () => Math.floor(random.next() * 4));
  return { targets, probabilities: new Float64Array(count).fill(0.25), residual: floats(), output: floats() };
}

/** The definition, computed one vote at a time. */
function slowVotes(
  { targets }: HiddenDocument,
  vectors: Float32Array,
  width: number,
  sharpness: number,
  method: {
    affinity: (a: Float32Array, b: Float32Array) => number;
    window: number;
    nearest: number;
  },
): number[] {
  const at = (i: number) => vectors.subarray(i * width, (i + 1) * width);
  return Array.from(targets, (target, i) => {
    const places = Array.from({ length: i }, (_, j) => j).slice(Math.max(0, i - method.window));
    const ranked = places
      .map((j) => ({ j, affinity: method.affinity(at(i), at(j)) }))
      .sort((a, b) => b.affinity - a.affinity);
    const voting = ranked.slice(0, method.nearest);
    const weight = (affinity: number) => Math.exp(sharpness * (affinity - ranked[0].affinity));
    const all = voting.reduce((sum, { affinity }) => sum + weight(affinity), 0);
    const right = voting.reduce((sum, { j, affinity }) => sum + (targets[j] === target ? weight(affinity) : 0), 0);
    return all > 0 ? right / all : 0;
  });
}

const product = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const distance = (a: Float32Array, b: Float32Array) => -a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);

function assertVotes(count: number, method: CopyingMethod, affinity: typeof product, of: "output" | "residual"): void {
  const document = randomDocument(count, 5);
  const found = votes(document, method, 2);
  for (const [s, sharpness] of SHARPNESSES.entries()) {
    const { window, nearest } = method;
    const expected = slowVotes(document, document[of], 5, sharpness / 2, { affinity, window, nearest });
    for (const [i, share] of expected.entries()) {
      assert.ok(Math.abs(found[s][i] - share) < 1e-3, `${method.name}, place ${i}, sharpness ${sharpness}`);
    }
  }
}

test("three places, written out: the one like the present votes e times as loudly as the other", () => {
  const output = Float32Array.of(1, 0, 0, 1, 1, 0); // [3, 2]
  const document = {
    targets: Int32Array.of(7, 8, 7),
    probabilities: new Float64Array(3),
    residual: output,
    output,
  };
  const shares = votes(document, neuralCache(9), 1)[SHARPNESSES.indexOf(1)];
  assert.is(shares[0], 0, "no place before it");
  assert.is(shares[1], 0, "place 0 votes for 7, not 8");
  assert.ok(Math.abs(shares[2] - Math.E / (Math.E + 1)) < 1e-6, "place 0 votes for 7 with e, place 1 for 8 with 1");
});

test("a neural cache votes by inner products over its window", () => {
  for (const count of [0, 1, 2, 63, 65, 150]) assertVotes(count, neuralCache(37), product, "output");
});

test("in a kNN language model only the nearest places vote, by distance", () => {
  for (const count of [1, 64, 131]) assertVotes(count, { ...knnLm, nearest: 9 }, distance, "residual");
});

test("the n-th largest value is the n-th of the sorted list", () => {
  const random = new Random(4);
  for (const length of [1, 2, 3, 10, 65]) {
    const values = Float32Array.from({ length }, () => Math.floor(random.next() * 9));
    const sorted = values.toSorted((a, b) => b - a);
    for (let n = 1; n <= length; n++) assert.is(nthLargest(values, n), sorted[n - 1], `${n} of ${values}`);
  }
});

test("hidden states are read with the probabilities of an evaluation", () => {
  const model = new Transformer(tinyConfig(), 1);
  const [document] = randomDocuments([40]);
  const { probabilities, targets, residual } = readHidden(model, document, 33);
  const { results } = evaluate(model, [document], byteTokenizer(), { memorySizes: [17], maxTokens: 33 });
  assert.is(targets.length, 33);
  assert.is(residual.length, 33 * 12);
  const nats = probabilities.reduce((sum, probability) => sum - Math.log(probability), 0);
  assert.ok(Math.abs(nats - results[0].nats) < 1e-3);
});

test("copying improves the prediction of a document that repeats itself", async () => {
  const model = new Transformer(tinyConfig(), 1);
  const refrain = documentOf("refrain", new TextEncoder().encode("one fish, two fish, red fish! ".repeat(6)));
  const documents = { train: [], valid: [refrain], test: [refrain], names: [] };
  const corpus = { name: "fish", tokenizer: byteTokenizer(), ...documents };
  const trained = { model, directory: "", artifacts: "", corpus, evalTokens: 150 };
  const { perplexity, validPerplexity, lambda } = await mixture(trained, neuralCache(60));
  const { results } = evaluate(model, [refrain], byteTokenizer(), { memorySizes: [17], maxTokens: 150 });
  assert.ok(perplexity < results[0].perplexity / 2, `${perplexity} against ${results[0].perplexity}`);
  assert.is(perplexity, validPerplexity, "test and valid are the same here");
  assert.ok(lambda > 0.2);
});
