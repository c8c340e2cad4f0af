/** Float32 results stay within their bounds, and are finite wherever the mathematics is. */
import * as assert from "uvu/assert";
import { attention, extendContext } from "../../src/autodiff/ops/attention.ts";
import { l2Normalize, rmsNorm, smearKeys } from "../../src/autodiff/ops/norm.ts";
import { softmax } from "../../src/autodiff/ops/softmax.ts";
import { crossEntropy } from "../../src/autodiff/ops/vocabulary.ts";
import { assertFiniteTape, backward, step } from "../../src/autodiff/tape.ts";
import { parameter, persistentTensor, stepTensor, type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { VectorStore } from "../../src/memory/vector-store.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { evaluate } from "../../src/train/evaluate.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { emptyContext } from "../autodiff/contexts.ts";
import { suite } from "../harness.ts";
import { localAttention } from "../oracle/attention.ts";
import { documentOf, randomDocuments, tinyConfig } from "../tiny.ts";
import { cases } from "./cases.ts";
import { errors, measure } from "./measure.ts";

const test = suite("numbers");

test("a small example, written out: 4 and the next float are one unit in the last place apart", () => {
  assert.equal(errors([4 + 2 ** -21, 1], Float64Array.of(4, 1)), { relative: 2 ** -23, ulps: 1 });
});

for (const given of cases) {
  test(`the float32 of ${given.op} is within its bounds of double precision`, () => {
    for (const { of, ulps, bound } of measure(given)) {
      assert.ok(ulps <= bound, `the ${of}: ${ulps} units in the last place, at most ${bound} are allowed`);
    }
  });
}

/** Returns the result of `run` and the gradient of each input, after asserting that all numbers are finite. */
function finite(inputs: readonly Tensor[], run: () => Tensor): { y: Float32Array; gradients: Float32Array[] } {
  for (const { grad } of inputs) grad?.fill(0);
  const y = step(() => {
    const output = run();
    backward(output, new Float32Array(output.size).fill(1));
    assertFiniteTape();
    return output.toArray();
  });
  const gradients = inputs.map(({ grad }) => grad!.toArray());
  for (const numbers of [y, ...gradients]) assert.ok(numbers.every(Number.isFinite));
  return { y, gradients };
}

/** Logits as far apart as 20,000, with ties at both ends. */
const steep = [1e4, -1e4, 0, 1e4, 9999, -1e4, 3, 1e4, -1e4];

test("softmax and cross entropy of logits of ±10,000 are finite and right", () => {
  const logits = parameter([1, 9], steep);
  const { y } = finite([logits], () => softmax(logits));
  const sum = 3 + Math.exp(-1);
  assert.ok(
    errors(
      y,
      Float64Array.from(steep, (x) => Math.exp(x - 1e4) / sum),
    ).relative < 1e-6,
  );
  for (const [target, nats] of [
    [0, Math.log(sum)],
    [1, 2e4 + Math.log(sum)],
  ]) {
    const { y, gradients } = finite([logits], () => crossEntropy(logits, Int32Array.of(target)).loss);
    assert.ok(Math.abs(y[0] / nats - 1) < 1e-6);
    // The logsumexp is kept as a float, which at 10,000 is accurate to a thousandth.
    assert.ok(Math.abs(gradients[0].reduce((a, b) => a + b, 0)) < 1e-3);
  }
});

test("attention with logits of ±10,000 is finite and right, and so is attention over zeros", () => {
  const shape = { rows: 1, heads: 1, width: 4, segment: 5, past: 0, window: Number.POSITIVE_INFINITY, first: [0] };
  const none = { pastKeys: new Float32Array(), pastValues: new Float32Array() };
  for (const [size, factor] of [
    [100, 1],
    [1, 1e4],
    [0, 8],
    [1e-30, 8],
  ]) {
    const given = Array.from({ length: 20 }, (_, i) => size * Math.sin(i * 7 + 1));
    const [q, k, v, scale] = [...[given, given, given].map((x) => parameter([1, 5, 4], x)), parameter([1], [factor])];
    const context = emptyContext(5, 4);
    const { y } = finite([q, k, v, scale], () => {
      extendContext(context, k, v);
      return attention(q, k, v, scale, undefined, context).out;
    });
    const exact = [q, k, v, scale].map((x) => Float64Array.from(x.toArray()));
    const { out } = localAttention({ ...shape, ...none }, exact[0], exact[1], exact[2], exact[3], new Float64Array());
    // A logit of 10,000 is accurate to a thousandth as a float, and so are the weights.
    assert.ok(errors(y, out).relative < 2e-3);
  }
});

test("rows with only masked targets have neither loss nor gradient, and rows of minus infinity have weights of 0", () => {
  const logits = parameter([2, 9], [...steep, ...steep]);
  const { y, gradients } = finite([logits], () => crossEntropy(logits, Int32Array.of(-1, -1)).loss);
  assert.equal([y[0], ...gradients[0]], new Array(19).fill(0));
  const half = finite([logits], () => crossEntropy(logits, Int32Array.of(-1, 3)).loss);
  assert.equal(half.gradients[0].subarray(0, 9), new Float32Array(9));
  const nothing = step(() => softmax(tensor(new Float32Array(5).fill(-Infinity), [1, 5])).toArray());
  assert.equal(nothing, new Float32Array(5));
});

test("zero vectors are normalised to zero, and have finite gradients", () => {
  for (const width of [1, 3, 4, 7]) {
    const x = parameter([2, width]);
    const ones = parameter([width], new Float32Array(width).fill(1));
    assert.equal(finite([x], () => l2Normalize(x, width)).y, new Float32Array(2 * width));
    assert.equal(finite([x, ones], () => rmsNorm(x, ones)).y, new Float32Array(2 * width));
  }
});

test("keys that cancel out are smeared to zero, and have finite gradients", () => {
  for (const width of [1, 3, 4, 7]) {
    const key = Array.from({ length: width }, (_, d) => d + 1);
    const [k, alpha] = [parameter([1, 2, width], [...key, ...key.map((x) => -x)]), parameter([1])];
    const [keys, latest] = [persistentTensor([1, width]), persistentTensor([1, width])];
    const { y } = finite([k, alpha], () => smearKeys(k, alpha, { keys, latest, known: Int32Array.of(0) }));
    assert.equal([...y], [...key, ...new Array(width).fill(0)]);
  }
});

test("every search accepts zero vectors as keys and as queries", () => {
  for (const search of ["exact", "quantised", "bucketed", "inverted"] as const) {
    for (const dtype of ["float32", "float16"] as const) {
      const store = new VectorStore({ width: 3, size: 9, search, dtype });
      assert.is(store.lookup(new Float32Array(3), 2).k, 0, "an empty one");
      store.append(new Float32Array(15), new Float32Array(15));
      for (const query of [new Float32Array(3), Float32Array.of(1, -1, 0.5)]) {
        const { k, scores, values } = store.lookup(query, 20);
        assert.is(k, 5, "K is larger than the memory");
        assert.equal([...scores, ...values].map(Math.abs), new Array(20).fill(0), `${search} ${dtype}`);
      }
    }
  }
});

/** Returns the losses of a few training steps, after asserting that everything a step reports is finite. */
function losses(overrides: Partial<ModelConfig>, lengths = [60, 9, 33, 2, 1, 0, 21]): number[] {
  const trainer = new Trainer(new Transformer(tinyConfig(overrides), 1), randomDocuments(lengths), {
    batchSize: 3,
    steps: 9,
  });
  const reported = Array.from({ length: 9 }, () => trainer.trainStep());
  for (const { loss, gradientNorm, gates } of reported) {
    assert.ok([loss, gradientNorm, ...gates].every(Number.isFinite));
  }
  trainer.release();
  return reported.map(({ loss }) => loss);
}

const searches = ["exact", "quantised", "bucketed", "inverted"] as const;
const combinations: Pick<ModelConfig, "memory_search" | "memory_combine" | "smear_keys" | "memory_copy">[] = [
  ...searches.flatMap((memory_search) =>
    (["gate", "joint"] as const).map((memory_combine) => ({
      memory_search,
      memory_combine,
      smear_keys: "none" as const,
      memory_copy: false,
    })),
  ),
  { memory_search: "exact", memory_combine: "gate", smear_keys: "all", memory_copy: false },
  { memory_search: "quantised", memory_combine: "joint", smear_keys: "memory_layers", memory_copy: true },
];

for (const chosen of combinations) {
  const title = `${chosen.memory_search} search, ${chosen.memory_combine}, smeared keys: ${chosen.smear_keys}${chosen.memory_copy ? ", copying" : ""}`;
  test(`a K larger than the memory retrieves every pair: ${title}`, () => {
    const most = losses({ ...chosen, memory_topk: 17 });
    if (chosen.memory_search === "exact") assert.equal(losses({ ...chosen, memory_topk: 40 }), most);
    else losses({ ...chosen, memory_topk: 40 });
  });
  test(`an M smaller than a segment keeps the newest pairs: ${title}`, () => {
    for (const memory_size of [1, 3, 6]) losses({ ...chosen, memory_size });
  });
  test(`an empty memory and documents of one token work: ${title}`, () => {
    losses(chosen, [2, 2, 2, 1, 1, 0]); // every document fits in one segment, so nothing is ever retrieved
    const model = new Transformer(tinyConfig(chosen), 1);
    const documents = [documentOf("none", []), documentOf("one", [65]), documentOf("two", [65, 66])];
    const { results } = evaluate(model, documents, byteTokenizer(), { memorySizes: [0, 1, 17], rows: 2 });
    for (const { perplexity } of results) assert.ok(Number.isFinite(perplexity));
  });
  test(`a step with an empty memory leaves only finite numbers on the tape: ${title}`, () => {
    const model = new Transformer(tinyConfig(chosen), 1);
    const state = model.newState({ rows: 2 });
    const segment = { starts: Uint8Array.of(1, 1), lengths: Int32Array.of(7, 0), ids: new Int32Array(14).fill(65) };
    for (let count = 0; count < 3; count++) {
      step(() => void stepTensor([50_000]).fill(Number.NaN)); // a read of unwritten numbers would show
      step(() => {
        const logits = model.forward(segment, state);
        backward(crossEntropy(logits, new Int32Array(14).fill(66, 0, 7).fill(-1, 7)).loss);
        assertFiniteTape();
      });
      segment.starts.fill(0);
    }
  });
}
