/** Every gradient of the model in one file against central differences in double precision, with stored pairs held fixed. */
import * as assert from "uvu/assert";
import {
  accumulate,
  type Config,
  forward,
  type Model,
  newModel,
  newState,
  type State,
  type Tensor,
} from "../../reference/memorizing-transformer.ts";
import { suite } from "../harness.ts";

const test = suite("the model in one file, gradients");

const SIZES = { V: 9, C: 5, L: 2, H: 3, D: 3, F: 7, T: 4, W: 0, M: 7, K: 3, memoryLayer: 1 };
const DIFFERENCE = 1e-5;

/** Reading replaces the arrays of a state, so a copy of those that hold them keeps what was read before. */
function copyOf(state: State): State {
  return state.map((heads) => heads.map((past) => ({ ...past })));
}

/** Every parameter by name. */
function parameters({ embedding, norm, layers }: Model): [name: string, parameter: Tensor][] {
  const inLayers = layers.flatMap((w, l) =>
    Object.entries(w).map(([name, x]): [string, Tensor] => [`${l}.${name}`, x]),
  );
  return [["embedding", embedding], ...inLayers, ["norm", norm]];
}

/** The slope of `f` by number i of x. */
function centralDifference(x: Float64Array, i: number, f: () => number): number {
  const value = x[i];
  const [above, below] = [value + DIFFERENCE, value - DIFFERENCE].map((shifted) => {
    x[i] = shifted;
    return f();
  });
  x[i] = value;
  return (above - below) / (2 * DIFFERENCE);
}

test("a small example, written out: the slope of x² is 6 at 3, and x stays 3", () => {
  const x = Float64Array.of(3);
  const slope = centralDifference(x, 0, () => x[0] ** 2);
  assert.ok(Math.abs(slope - 6) < 1e-9, `${slope}`);
  assert.is(x[0], 3);
});

function check(config: Config): void {
  const model = newModel(config, 5);
  for (const { scale, gate, smear } of model.layers) {
    scale[0].set([2, -3, 4]); // |scale| counts
    gate?.[0].set([0.3, -0.4, 0.1]);
    smear?.[0].set([0.5, -1, 2]);
  }
  const state = newState(config);
  forward(model, [1, 5, 2, 8], state);
  forward(model, [7, 3, 3, 0], state);
  const loss = (learn: boolean) =>
    accumulate(
      model,
      [
        { ids: [4, 1, 5, 6], state: copyOf(state) }, // a short segment
        { ids: [4, 4, 2, 5, 0], state: newState(config) }, // another document
      ],
      learn,
    );
  assert.is(loss(true), loss(false));
  let compared = 0;
  for (const [name, [x, dx]] of parameters(model)) {
    for (let i = 0; i < x.length; i += Math.ceil(x.length / 11)) {
      const difference = centralDifference(x, i, () => loss(false));
      assert.ok(Math.abs(dx[i] - difference) < 1e-7, `${name}[${i}]: gradient ${dx[i]}, difference ${difference}`);
      compared++;
    }
    assert.ok(
      dx.some((gradient) => gradient !== 0),
      `${name} has a gradient`,
    );
  }
  assert.ok(compared > 150);
}

for (const gated of [true, false]) {
  for (const smeared of [true, false]) {
    for (const W of [0, 3]) {
      const title = `${gated ? "gate" : "joint"}${smeared ? ", smeared keys" : ""}${W > 0 ? ", a cache" : ""}`;
      test(`gradients are central differences: ${title}`, () => check({ ...SIZES, gated, smeared, W }));
    }
  }
}

test("stored pairs are constants: nothing that is read or learned later changes them", () => {
  const model = newModel({ ...SIZES, gated: true, smeared: true });
  const state = newState(model.config);
  accumulate(model, [{ ids: [1, 2, 3, 4, 5], state }]);
  const before = state[1].map(({ memory }) => memory.map(([[k], [v]]) => [[...k], [...v]]));
  const kept = copyOf(state);
  accumulate(model, [{ ids: [5, 6, 7, 8, 0], state }]);
  for (const { layers, embedding } of [model]) for (const x of [embedding, layers[1].k]) x[0].fill(0);
  const after = kept[1].map(({ memory }) => memory.map(([[k], [v]]) => [[...k], [...v]]));
  assert.equal(after, before);
  assert.is(state[1][0].memory.length, 7); // of 8 that were read: M is 7
  assert.equal([...state[1][0].memory[0][0][0]], before[0][1][0]); // the first is gone
});
