/** Predictions mixed with votes, against plain loops. */
import * as assert from "uvu/assert";
import { crossEntropy } from "../../src/autodiff/ops/vocabulary.ts";
import { mixVotes } from "../../src/autodiff/ops/votes.ts";
import { backward, step } from "../../src/autodiff/tape.ts";
import { parameter, stepIntegers, type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { assertClose, checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { mixedVotes, type VotesCase } from "../oracle/votes.ts";

const test = suite("votes");

/** One pair in the ring for each vote, so that a pair's slot says which vote it is. */
function votesOf({ rows, tokens, counts }: VotesCase, weights: Tensor) {
  const capacity = tokens.length / rows;
  const slots = stepIntegers(Array.from({ length: tokens.length }, (_, n) => n % capacity));
  return { weights, slots, counts: Int32Array.from(counts), tokens: stepIntegers(tokens), capacity };
}

test("a small example, written out: half of the mixture votes for one of two equal tokens", () => {
  const given = { rows: 1, segment: 1, heads: 1, topk: 2, vocabulary: 2, counts: [2], tokens: [1, 1] };
  step(() => {
    const [z, mix, weights] = [tensor([3, 3], [1, 1, 2]), tensor([0], [1, 1, 1]), tensor([0.75, 0.25], [1, 1, 1, 2])];
    const y = mixVotes(z, mix, votesOf(given, weights));
    assertClose(y.toArray().map(Math.exp), [0.25, 0.75], 1e-6, "p");
  });
});

// rows, segment, heads, K, V, valid pairs of each row
const cases: [number, number, number, number, number, number[]][] = [
  [1, 1, 1, 1, 1, [1]],
  [1, 3, 2, 4, 5, [4]],
  [2, 2, 3, 5, 7, [3, 0]],
  [3, 2, 1, 9, 33, [9, 1, 0]],
];

for (const [rows, segment, heads, topk, vocabulary, counts] of cases) {
  const random = new Random(5);
  const votes = rows * segment * heads * topk;
  const tokens = Array.from({ length: votes }, () => Math.floor(random.next() * vocabulary));
  const given = { rows, segment, heads, topk, vocabulary, counts, tokens };
  /** Weights of a softmax, as retrieved attention gives them; 0 where nothing was found. */
  const weightsOf = () =>
    Array.from({ length: rows * segment * heads }, (_, list) => {
      const count = counts[Math.floor(list / (segment * heads))];
      const powers = Array.from({ length: topk }, (_, k) => (k < count ? Math.exp(random.normal()) : 0));
      return powers.map((power) => power / powers.reduce((sum, each) => sum + each, 1e-9));
    }).flat();
  test(`values and gradients: ${rows} rows of ${segment}, ${heads} heads, ${counts} of ${topk} votes for ${vocabulary} tokens`, () => {
    checkOp({
      shapes: [
        [rows, segment, vocabulary],
        [rows, segment, heads],
        [rows, segment, heads, topk],
      ],
      op: (z, mix, weights) => mixVotes(z, mix, votesOf(given, weights)),
      oracle: (z, mix, weights) => mixedVotes(given, z, mix, weights),
      values: (draw, shape, input) =>
        input === 2 ? weightsOf() : Array.from({ length: shape.reduce((a, b) => a * b) }, () => draw.normal()),
    });
  });
}

test("a prediction that the model rules out is the votes' alone", () => {
  const given = { rows: 1, segment: 1, heads: 1, topk: 1, vocabulary: 3, counts: [1], tokens: [2] };
  step(() => {
    const [z, mix, weights] = [tensor([0, 0, -1e30], [1, 1, 3]), tensor([0], [1, 1, 1]), tensor([1], [1, 1, 1, 1])];
    const y = mixVotes(z, mix, votesOf(given, weights)).toArray();
    assertClose(y.map(Math.exp), [0.25, 0.25, 0.5], 1e-6, "p");
  });
});

test("shapes that do not fit are refused with all of them", () => {
  step(() => {
    const [z, mix, weights] = [tensor([0, 0], [1, 1, 2]), tensor([0, 0], [1, 1, 2]), tensor([1], [1, 1, 1, 1])];
    const votes = { weights, slots: 0, counts: Int32Array.of(1), tokens: 0, capacity: 1 };
    assert.throws(
      () => mixVotes(z, mix, votes),
      /mixVotes: z \[1,1,2\], mix \[1,1,2\], weights \[1,1,1,1\] and 1 counts/,
    );
  });
});

test("an unknown token votes for nothing and gets no gradient", () => {
  const given = { rows: 1, segment: 2, heads: 1, topk: 2, vocabulary: 2, counts: [2], tokens: [2, 1, 2, 1] };
  const [z, mix] = [parameter([1, 2, 2]), parameter([1, 2, 1])];
  const weights = parameter([1, 2, 1, 2]).set(Float32Array.of(0.5, 0.5, 0.5, 0.5));
  step(() => backward(crossEntropy(mixVotes(z, mix, votesOf(given, weights)), Int32Array.of(1, 0)).loss));
  const [first, , third] = weights.grad?.toArray() ?? [];
  assert.equal([first, third], [0, 0]);
});
