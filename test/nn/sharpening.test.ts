/** Attention to retrieved pairs that gets sharper with their number (src/nn/sharpening.ts), alone and in a model. */
import * as assert from "uvu/assert";
import { crossEntropy } from "../../src/autodiff/ops/vocabulary.ts";
import { backward, noGrad, step } from "../../src/autodiff/tape.ts";
import { Random } from "../../src/base/random.ts";
import { lookups } from "../../src/inspect/lookups.ts";
import { parseConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import type { Retrieval } from "../../src/nn/self-attention.ts";
import { sharpness } from "../../src/nn/sharpening.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("sharpening");

const SEGMENT = 7;

/** The memory is in the first layer, whose inputs no retrieved pair has touched, and every pair is retrieved. */
function sharpened(memory_sharpen_from: number, memory_fade = 0): Transformer {
  const sizes = { memory_layers: [0], memory_topk: 40, memory_size: 40 };
  return new Transformer(tinyConfig({ ...sizes, memory_sharpen_from, memory_fade }), 1);
}

function tokens(count: number, seed = 1): Int32Array {
  const random = new Random(seed);
  return Int32Array.from({ length: count }, () => Math.floor(random.next() * 256));
}

/** The weights [B, T, H, K] of the last of `segments`, rows side by side, and how many of the K each row has. */
function weightsOf(model: Transformer, segments: Int32Array[], starts: number[][], reach?: number[]) {
  using state = model.newState({ rows: segments[0].length / SEGMENT, memorySize: 40 });
  let weights = new Float32Array();
  let counts: Int32Array = new Int32Array();
  for (const [s, ids] of segments.entries()) {
    step(() => {
      const observe = (
        _: number,
        found: { weights: { toArray(): Float32Array }; neighbours: { counts: Int32Array } },
      ) => {
        weights = new Float32Array(found.weights.toArray());
        counts = found.neighbours.counts;
      };
      noGrad(() => model.forward({ ids, starts: starts[s], reach, observe }, state));
    });
  }
  return { weights, counts };
}

test("written out: from 16 on; 256 pairs have twice the logarithm", () => {
  assert.equal(
    [0, 1, 16, 256, 4096].map((pairs) => Number(sharpness(pairs, 16).toFixed(12))),
    [1, 1, 1, 2, 3],
  );
  assert.is(sharpness(1e6, 0), 1, "never");
});

test("each row's logits are multiplied by what its own pairs say", () => {
  const [from, rows] = [8, 2];
  using model = sharpened(from);
  using plain = sharpened(0);
  const segments = [1, 2, 3, 4].map((seed) => tokens(rows * SEGMENT, seed));
  const starts = [
    [1, 1],
    [0, 0],
    [0, 1],
    [0, 0],
  ]; // so at the end the rows have 21 and 7 pairs
  const [sharp, even] = [model, plain].map((each) => weightsOf(each, segments, starts));
  assert.equal([...sharp.counts], [21, 7]);
  for (const row of [0, 1]) {
    const factor = Math.max(1, Math.log(sharp.counts[row]) / Math.log(from));
    for (let list = row * SEGMENT * 2; list < (row + 1) * SEGMENT * 2; list++) {
      const logits = ({ weights }: typeof sharp) => {
        const own = weights.subarray(list * 40, list * 40 + sharp.counts[row]);
        return Array.from(own, (weight) => Math.log(weight / own[0]));
      };
      assertClose(
        logits(sharp),
        logits(even).map((logit) => factor * logit),
        1e-4,
        `row ${row}, list ${list}`,
      );
    }
  }
});

test("only the pairs that a row may look up count", () => {
  using model = sharpened(8);
  using plain = sharpened(0);
  const segments = [1, 2, 3].map((seed) => tokens(SEGMENT, seed));
  const starts = [[1], [0], [0]];
  assert.equal(weightsOf(model, segments, starts, [8]), weightsOf(plain, segments, starts, [8]));
  assert.not.equal(weightsOf(model, segments, starts, [9]), weightsOf(plain, segments, starts, [9]));
});

test("until there are more pairs than that, nothing changes to the bit", () => {
  using model = sharpened(14);
  using plain = sharpened(0);
  for (const count of [3, 4]) {
    const segments = Array.from({ length: count }, (_, seed) => tokens(SEGMENT, seed));
    const starts = segments.map((_, s) => [s === 0 ? 1 : 0]);
    const [ours, theirs] = [model, plain].map((each) => weightsOf(each, segments, starts).weights);
    if (count === 3) assert.equal(ours, theirs, "14 pairs");
    else assert.not.equal(ours, theirs, "21 pairs");
  }
});

test("with memory_fade older pairs weigh less", () => {
  using model = sharpened(0, 2);
  using plain = sharpened(0);
  const again = tokens(SEGMENT, 5); // read twice, so that each key is there twice, seven pairs apart
  const segments = [again, again, tokens(SEGMENT, 6)];
  const lists = ({ weights }: { readonly weights: Float32Array }) =>
    Array.from({ length: 2 * SEGMENT }, (_, list) => [...weights.subarray(list * 40, list * 40 + 14)]);
  const [faded, even] = [model, plain].map((each) => lists(weightsOf(each, segments, [[1], [0], [0]])));
  for (const [list, pairs] of even.entries()) {
    assertClose(
      pairs.filter((_, k) => k % 2 === 0),
      pairs.filter((_, k) => k % 2 === 1),
      1e-6,
      "twins are alike",
    );
    for (let k = 0; k < 14; k += 2) {
      // of twins the older comes first; ages a + 7 and a: the ratio of their weights is ((a + 1) / (a + 8))²
      const ratio = faded[list][k] / faded[list][k + 1];
      assert.ok(ratio >= (1 / 8) ** 2 - 1e-6 && ratio <= (7 / 14) ** 2 + 1e-6, `${ratio}`);
    }
  }
});

test("the scores that an inspection shows are those of unit vectors, however sharp attention is", () => {
  const scoresOf = (model: Transformer) => {
    using state = model.newState({ rows: 1, memorySize: 40 });
    let scores: number[] = [];
    for (const seed of [1, 2, 3]) {
      const observe = (_: number, retrieval: Retrieval) => {
        scores = [...lookups(retrieval, [0, 1])].flatMap(({ pairs }) => pairs.map(({ score }) => score));
      };
      step(() => noGrad(() => model.forward({ ids: tokens(SEGMENT, seed), observe }, state)));
    }
    return scores;
  };
  using model = sharpened(2);
  using plain = sharpened(0);
  assertClose(scoresOf(model), scoresOf(plain), 1e-6, "scores");
});

test("gradients reach the queries through the sharpened logits: central differences", () => {
  using model = sharpened(2);
  model.parameters.get("model.layers.0.self_attn.attention_scale").fill(3);
  const [ids, next] = [tokens(SEGMENT, 7), tokens(SEGMENT, 8)];
  const loss = (learn: boolean) => {
    using state = model.newState({ rows: 1, memorySize: 40 });
    noGrad(() => step(() => model.forward({ ids: tokens(SEGMENT, 3), starts: [1] }, state)));
    return step(() => {
      const { loss } = crossEntropy(model.forward({ ids }, state), next);
      if (learn) backward(loss);
      return loss.toArray()[0];
    });
  };
  const weight = model.parameters.get("model.layers.0.self_attn.q_proj.weight");
  loss(true);
  const gradient = weight.grad?.toArray() ?? [];
  const before = weight.toArray();
  const width = 2e-2;
  for (const at of [0, 17, 41, 76, 119]) {
    const [more, less] = [width, -width].map((change) => {
      weight.set(before.map((value, i) => (i === at ? value + change : value)));
      return loss(false);
    });
    assertClose([gradient[at]], [(more - less) / (2 * width)], 5e-3, `weight ${at}`);
  }
});

test("a model of another number from which on it sharpens has the same fingerprint; 1 is refused", () => {
  using model = sharpened(8);
  using plain = sharpened(0);
  assert.is(model.fingerprint(), plain.fingerprint());
  assert.throws(
    () => parseConfig({ memory_sharpen_from: 1 }, "config.json"),
    "config.json: memory_sharpen_from is 1; it must be 0 (never) or at least 2",
  );
});
