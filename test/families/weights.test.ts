/** Weights by canonical name: floats that may learn, and matrices that are kept as something else. */
import * as assert from "uvu/assert";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Decoder } from "../../src/families/decoder.ts";
import { declareWeights, floatWeights, type Packed, Weights } from "../../src/families/weights.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { suite } from "../harness.ts";
import { describe } from "./golden-models.ts";
import { logitsOf, randomTokens, smallDecoder } from "./small-decoders.ts";

const test = suite("weights of decoders");

test("a small example, written out: y = x Wᵀ + b of one module, and rows of the embedding", () => {
  const architecture = describe("qwen2");
  const parameters = new Parameters(declareWeights(architecture), false);
  const weights = new Weights(architecture, parameters);
  const { shape } = parameters.get("layers.0.q.weight");
  parameters.get("layers.0.q.weight").set(Array.from({ length: shape[0] * shape[1] }, (_, i) => i % shape[1]));
  parameters.get("layers.0.q.bias").set(Array.from({ length: shape[0] }, (_, i) => 100 * i));
  parameters.get("embed.weight").set(Array.from({ length: 40 }, (_, i) => i));
  step(() => {
    const x = tensor([1, 1, 0, 0, 0, 0, 0, 2], [1, 1, 8]);
    assert.equal([...weights.linear(x, "layers.0.q").toArray().subarray(0, 3)], [15, 115, 215]);
    const rows = weights.rows("embed", Int32Array.of(4, 0), [2, 1]);
    assert.equal(rows.shape, [2, 1, 8]);
    assert.equal([...rows.toArray().subarray(7, 10)], [39, 0, 1]);
  });
  weights.release();
});

test("groups: only matrices decay, biases and norms do not; offsets are 0 until they are trained", () => {
  using model = smallDecoder("gpt_neox");
  const groups = Object.fromEntries(model.parameters.names().map((name) => [name, model.parameters.group(name)]));
  assert.is(groups["embed.weight"], "embedding");
  assert.is(groups["head.weight"], "matrices");
  assert.is(groups["layers.0.q.weight"], "matrices");
  for (const name of ["norm.weight", "norm.bias", "layers.0.q.bias", "layers.0.mlp_norm.weight"]) {
    assert.is(groups[name], "norms", name);
  }
  assert.is(groups["layers.0.memory_offset"], "attention");
  assert.equal([...model.parameters.get("layers.0.memory_offset").toArray()], [0, 0]);
});

test("weights that do not learn have no gradients, and the same logits", () => {
  using model = smallDecoder("qwen3");
  const { architecture, parameters } = model;
  const stored = new Map(parameters.names().map((name) => [name, { floats: () => parameters.get(name).toArray() }]));
  using reader = new Decoder(architecture, floatWeights(architecture, stored));
  assert.equal(
    reader.parameters.blocks.map(({ gradients }) => gradients.size),
    [0, 0, 0, 0],
  );
  assert.is(reader.parameters.get("embed.weight").grad, undefined);
  reader.parameters.zeroGradients();
  const [mine, theirs] = [model, reader].map((one) => {
    using state = one.newState({ rows: 1 });
    return logitsOf(one, state, [randomTokens(5)])[0];
  });
  assert.equal([...theirs], [...mine]);
});

test("a matrix that is kept as something else takes the place of its floats, bias, embedding and tied head included", () => {
  using model = smallDecoder("qwen2");
  const { architecture, parameters } = model;
  const matrices = declareWeights(architecture).filter(({ shape }) => shape.length === 2);
  const others = declareWeights(architecture).filter(({ shape }) => shape.length < 2);
  const rest = new Parameters(others, false);
  for (const { name } of others) rest.get(name).set(parameters.get(name).toArray());
  const floats = new Weights(architecture, parameters);
  let released = 0;
  const packed = new Map(
    matrices.map(({ name }): [string, Packed] => {
      const module = name.slice(0, -".weight".length);
      return [
        module,
        {
          multiply: (x: Tensor, bias?: Tensor) => {
            assert.is(bias !== undefined, parameters.has(`${module}.bias`), module);
            return floats.linear(x, module);
          },
          rows: (ids) => floats.rows(module, ids, [ids.length]),
          release: () => released++,
        },
      ];
    }),
  );
  const other = new Decoder(architecture, new Weights(architecture, rest, { packed }));
  const [mine, theirs] = [model, other].map((one) => {
    using state = one.newState({ rows: 2 });
    const ids = Int32Array.of(1, 2, 3, 4, 0, 1);
    return step(() => noGrad(() => [...one.forward({ ids }, state).toArray()]));
  });
  assert.equal(theirs, mine);
  other.release();
  assert.is(released, matrices.length);
});
