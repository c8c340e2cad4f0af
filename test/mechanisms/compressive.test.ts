/** The compression of the Compressive Transformer: what its own loss reaches, and that it learns to keep what attention found. */
import * as assert from "uvu/assert";
import { add } from "../../src/autodiff/ops/elementwise.ts";
import { backward, noGrad, step } from "../../src/autodiff/tape.ts";
import type { Tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("compressive");

const settings = { mechanism: "compressive", mechanism_window: 8, mechanism_stride: 4, mechanism_kept: 6 } as const;

function modelOf(): Transformer {
  return new Transformer(tinyConfig({ ...settings, segment_length: 8, memory_layers: [], vocab_size: 19 }), 1);
}

/** The compression's losses, summed over the layers, after two segments that fill the cache and overflow it; goes back with them. */
function compressionLoss(model: Transformer): number {
  const random = new Random(3);
  const state = model.newState({ rows: 2 });
  const ids = () => Int32Array.from({ length: 16 }, () => random.uint32() % 19);
  for (let segment = 0; segment < 2; segment++) step(() => noGrad(() => void model.forward({ ids: ids() }, state)));
  const loss = step(() => {
    const own: Tensor[] = [];
    model.forward({ ids: ids(), auxiliary: (each) => void own.push(each) }, state);
    assert.is(own.length, 2, "one of each layer");
    const total = own.reduce(add);
    backward(total);
    return total.item();
  });
  state.release();
  return loss;
}

test("the loss of the compression reaches the convolutions, and nothing else", () => {
  const model = modelOf();
  model.parameters.zeroGradients();
  compressionLoss(model);
  for (const name of model.parameters.names()) {
    const gradients = model.parameters.get(name).grad?.toArray() ?? new Float32Array();
    const isReached = gradients.some((x) => x !== 0);
    assert.is(isReached, name.includes(".mechanism."), name);
  }
  model.release();
});

test("descent along its gradient makes the loss of the compression small", () => {
  const model = modelOf();
  const losses: number[] = [];
  for (let n = 0; n < 60; n++) {
    model.parameters.zeroGradients();
    losses.push(compressionLoss(model));
    for (const name of model.parameters.names().filter((each) => each.includes(".mechanism."))) {
      const parameter = model.parameters.get(name);
      const gradients = parameter.grad?.toArray() ?? [];
      parameter.set(parameter.toArray().map((x, i) => x - 0.5 * gradients[i]));
    }
  }
  assert.ok(losses.at(-1)! < 0.3 * losses[0], `it went from ${losses[0]} to ${losses.at(-1)}`);
  model.release();
});

test("a document that has not outgrown its cache has no loss", () => {
  const model = modelOf();
  const state = model.newState({ rows: 1 });
  step(() => {
    const own: Tensor[] = [];
    model.forward({ ids: new Int32Array(8), auxiliary: (each) => void own.push(each) }, state);
    assert.equal(
      own.map((loss) => loss.item()),
      [0, 0],
    );
  });
  state.release();
  model.release();
});
