/** AdamW, Adafactor and clipping against plain TypeScript in double precision, at odd sizes, over several steps. */
import * as assert from "uvu/assert";
import { parameter, type Tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { type ParameterGroup, parameterGroups } from "../../src/nn/parameters.ts";
import { type AdamBlock, adafactor, adamW, clipGradients } from "../../src/train/optimizers.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("optimizers");

const STEPS = 7;

/** Returns a parameter with normal values times `spread`. */
function randomParameter(shape: number[], random: Random, spread = 1): Tensor {
  const tensor = parameter(shape);
  return tensor.set(Float32Array.from({ length: tensor.size }, () => spread * random.normal()));
}

function randomGradient(tensor: Tensor, random: Random, spread = 1): Float64Array {
  const values = Float32Array.from({ length: tensor.size }, () => spread * random.normal());
  tensor.grad!.set(values);
  return Float64Array.from(values);
}

function blockOf(tensor: Tensor, group: ParameterGroup, lrScale = 1, weightDecay = 0): AdamBlock {
  return { group, values: tensor, gradients: tensor.grad!, size: tensor.size, lrScale, weightDecay };
}

const rms = (x: Float64Array) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length);

/** AdamW on one vector, written like the algorithm. Returns the step function. */
function adamOracle(p: Float64Array, beta1: number, beta2: number, eps: number, decay: number) {
  const [m, v] = [new Float64Array(p.length), new Float64Array(p.length)];
  let t = 0;
  return (g: Float64Array, lr: number) => {
    t++;
    g.forEach((value, i) => {
      m[i] = beta1 * m[i] + (1 - beta1) * value;
      v[i] = beta2 * v[i] + (1 - beta2) * value * value;
      const update = m[i] / (1 - beta1 ** t) / (Math.sqrt(v[i] / (1 - beta2 ** t)) + eps);
      p[i] -= lr * (update + decay * p[i]);
    });
  };
}

/** Adafactor on a matrix of `rows` (algorithm 4) or, without rows, on a vector (algorithm 5). */
function adafactorOracle(p: Float64Array, rows?: number) {
  const columns = rows === undefined ? p.length : p.length / rows;
  const [r, c, v] = [new Float64Array(rows ?? 0), new Float64Array(columns), new Float64Array(p.length)];
  let t = 0;
  return (g: Float64Array, lr: number) => {
    t++;
    const decay = 1 - t ** -0.8;
    const squares = g.map((value) => value * value + 1e-30);
    const blend = (old: number, now: number) => decay * old + (1 - decay) * now;
    if (rows === undefined) {
      squares.forEach((square, i) => void (v[i] = blend(v[i], square)));
    } else {
      for (let i = 0; i < rows; i++) {
        r[i] = blend(r[i], squares.subarray(i * columns, (i + 1) * columns).reduce((a, b) => a + b, 0) / columns);
      }
      for (let j = 0; j < columns; j++) {
        c[j] = blend(c[j], squares.filter((_, at) => at % columns === j).reduce((a, b) => a + b, 0) / rows);
      }
      const meanOfRows = r.reduce((a, b) => a + b, 0) / rows;
      squares.forEach((_, at) => void (v[at] = (r[Math.floor(at / columns)] * c[at % columns]) / meanOfRows));
    }
    const update = g.map((value, i) => value / Math.sqrt(v[i]));
    const size = lr * Math.max(1e-3, rms(p));
    const excess = Math.max(1, rms(update) / 1);
    p.forEach((value, i) => void (p[i] = value - (size * update[i]) / excess));
  };
}

test("a small example, written out: AdamW's first step moves each parameter by the learning rate, against its gradient", () => {
  const tensor = parameter([3], [1, 2, 3]);
  tensor.grad!.set([1e-3, -5, 0]);
  adamW([blockOf(tensor, "norms")]).step(0.25);
  assertClose(tensor.toArray(), [0.75, 2.25, 3], 2e-5, "parameters");
});

for (const size of [1, 2, 3, 4, 5, 7, 8, 33, 1001]) {
  test(`AdamW of ${size} parameters follows the algorithm for ${STEPS} steps, with decay and without`, () => {
    for (const decay of [0.3, 0]) {
      const random = new Random(size);
      const tensor = randomParameter([size], random);
      const expected = Float64Array.from(tensor.toArray());
      const options = { beta1: 0.8, beta2: 0.97, eps: 1e-6 };
      const optimizer = adamW([blockOf(tensor, "matrices", 0.5, decay)], options);
      const oracle = adamOracle(expected, 0.8, 0.97, 1e-6, decay);
      for (let t = 1; t <= STEPS; t++) {
        oracle(randomGradient(tensor, random), 0.5 * (0.1 / t));
        optimizer.step(0.1 / t);
      }
      assert.is(optimizer.steps, STEPS);
      assertClose(tensor.toArray(), expected, 2e-6, `decay ${decay}`);
    }
  });
}

for (const shape of [[1, 1], [1, 5], [5, 1], [3, 4], [4, 7], [7, 9], [33, 17], [1], [3], [4], [9], [33]]) {
  test(`Adafactor of [${shape}] follows the algorithm for ${STEPS} steps`, () => {
    for (const [spread, gradients] of [
      [1, 1],
      [1e-5, 1e-6],
      [3, 1e3],
    ]) {
      const random = new Random(shape[0]);
      const tensor = randomParameter(shape, random, spread);
      const expected = Float64Array.from(tensor.toArray());
      const optimizer = adafactor([{ name: "w", tensor, lrScale: 0.5 }]);
      const oracle = adafactorOracle(expected, shape.length === 2 ? shape[0] : undefined);
      for (let t = 1; t <= STEPS; t++) {
        const gradient = randomGradient(tensor, random, gradients * t);
        oracle(gradient, 0.5 * (0.2 / t));
        optimizer.step(0.2 / t);
      }
      const inUnits = (values: ArrayLike<number>) => Array.from(values, (value) => value / Math.max(spread, 1e-3));
      assertClose(inUnits(tensor.toArray()), inUnits(expected), 5e-6, `spread ${spread}`);
    }
  });
}

test("Adafactor does not move a parameter with zero gradient, and accepts an empty one", () => {
  const still = parameter([3, 2], [1, 2, 3, 4, 5, 6]);
  const optimizer = adafactor([
    { name: "still", tensor: still, lrScale: 1 },
    { name: "empty", tensor: parameter([0, 4]), lrScale: 1 },
    { name: "nothing", tensor: parameter([0]), lrScale: 1 },
  ]);
  optimizer.step(0.1);
  optimizer.step(0.1);
  assert.equal(Array.from(still.toArray()), [1, 2, 3, 4, 5, 6]);
});

/** One optimizer of each kind over the same parameters. */
const kinds = {
  AdamW: (tensors: Tensor[]) => adamW(tensors.map((tensor, i) => blockOf(tensor, parameterGroups[i]))),
  Adafactor: (tensors: Tensor[]) => adafactor(tensors.map((tensor, i) => ({ name: `p${i}`, tensor, lrScale: 1 }))),
};

for (const [kind, make] of Object.entries(kinds)) {
  test(`${kind} with restored state and step count gives bit-identical results`, () => {
    const shapes = [[5, 3], [7]];
    const fresh = () => shapes.map((shape, i) => randomParameter(shape, new Random(i)));
    const train = (tensors: Tensor[], step: (lr: number) => void, from: number, to: number) => {
      for (let t = from; t < to; t++) {
        tensors.forEach((tensor, i) => void randomGradient(tensor, new Random(100 * t + i)));
        step(0.01);
      }
    };
    const through = fresh();
    const whole = make(through);
    train(through, (lr) => whole.step(lr), 0, 6);

    const stopped = fresh();
    const before = make(stopped);
    train(stopped, (lr) => before.step(lr), 0, 3);
    const resumed = stopped.map((tensor) => parameter(tensor.shape, tensor.toArray()));
    const after = make(resumed);
    after.steps = before.steps;
    assert.equal([...after.state().keys()], [...before.state().keys()]);
    for (const [name, tensor] of after.state()) tensor.set(before.state().get(name)!.toArray());
    train(resumed, (lr) => after.step(lr), 3, 6);

    for (const [i, tensor] of resumed.entries()) assert.equal(tensor.toArray(), through[i].toArray());
  });
}

test("state is named after its parameters", () => {
  const tensors = [parameter([5, 3]), parameter([7])];
  const shapesOf = (state: Map<string, Tensor>) => [...state].map(([name, { shape }]) => `${name} ${shape}`);
  assert.equal(shapesOf(kinds.AdamW(tensors).state()), [
    "embedding.m 15",
    "embedding.v 15",
    "matrices.m 7",
    "matrices.v 7",
  ]);
  assert.equal(shapesOf(kinds.Adafactor(tensors).state()), ["p0.rows 5", "p0.columns 3", "p1.moments 7"]);
});

test("clipping shortens a long gradient to the limit, over all blocks together, and returns its old norm", () => {
  const tensors = [3, 4, 5, 1001].map((size) => parameter([size]));
  const gradients = tensors.map((tensor, i) => randomGradient(tensor, new Random(i), 2));
  const blocks = tensors.map((tensor) => blockOf(tensor, "matrices"));
  const norm = Math.hypot(...gradients.flatMap((gradient) => [...gradient]));
  assert.ok(Math.abs(clipGradients(blocks, 0.5) / norm - 1) < 1e-6);
  for (const [i, tensor] of tensors.entries()) {
    assertClose(
      tensor.grad!.toArray(),
      gradients[i].map((value) => (value * 0.5) / norm),
      1e-7,
      `block ${i}`,
    );
  }
  assert.ok(Math.abs(clipGradients(blocks, 1) - 0.5) < 1e-6);
});

test("clipping does not change gradients that are short or not finite, and does not overflow for huge ones", () => {
  const tensor = parameter([5]);
  const blocks = [blockOf(tensor, "matrices")];
  const clip = (gradient: number[], limit: number) => {
    tensor.grad!.set(gradient);
    return { norm: clipGradients(blocks, limit), left: Array.from(tensor.grad!.toArray()) };
  };
  assert.equal(clip([3, 0, 0, 0, 4], 5), { norm: 5, left: [3, 0, 0, 0, 4] });
  assert.equal(clip([0, 0, 0, 0, 0], 1), { norm: 0, left: [0, 0, 0, 0, 0] });
  assert.equal(clip([1, Number.NaN, 1, 1, 1], 1), { norm: Number.NaN, left: [1, Number.NaN, 1, 1, 1] });
  const huge = Math.fround(3e38);
  const { norm, left } = clip([huge, huge, huge, huge, 0], 2);
  assert.is(norm, 2 * huge);
  assertClose(left, [1, 1, 1, 1, 0], 1e-7, "gradient");
});
