/** The model in one file against the golden files, which an independent PyTorch program computed in float32. */
import * as assert from "uvu/assert";
import {
  accumulate,
  adamW,
  type Config,
  forward,
  type Model,
  newModel,
  newState,
  type State,
  type Tensor,
} from "../../reference/memorizing-transformer.ts";
import { golden, goldenVariants } from "../golden.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { byHead, referenceConfig } from "./twins.ts";

const test = suite("the model in one file, golden");

const ROWS = 2;
const SEGMENTS = 5;

/** Tensors of a file by name, and the sizes of its model. */
interface Expected {
  readonly config: Config;
  readonly tensors: ReadonlyMap<string, { readonly data: ArrayLike<number | bigint> }>;
}

/** PyTorch's name of a parameter of layer l, by ours. */
const LAYER_NAMES: Readonly<Record<string, string>> = {
  norm1: "n1.scale",
  q: "q.weight",
  k: "k.weight",
  v: "v.weight",
  o: "o.weight",
  scale: "scale",
  bias: "rel",
  gate: "gate",
  smear: "smear",
  norm2: "n2.scale",
  up: "w1.weight",
  down: "w2.weight",
};

function numbers({ tensors }: Expected, name: string): ArrayLike<number> {
  const data = tensors.get(name)?.data;
  if (data === undefined) throw new Error(`there is no tensor ${name}`);
  return Array.from(data, Number);
}

/** Every parameter of `model`, by its name in the file. */
function named({ embedding, norm, layers }: Model): [name: string, parameter: Tensor][] {
  const inLayer = layers.flatMap((w, l) =>
    Object.entries(w).map(([name, x]): [string, Tensor] => [`layers.${l}.${LAYER_NAMES[name]}`, x]),
  );
  return [["emb", embedding], ...inLayer, ["nf.scale", norm]];
}

/** Numbers of a parameter or gradient in our layout. */
function laidOut(expected: Expected, kind: "param" | "seg4.grad", name: string): ArrayLike<number> {
  const values = numbers(expected, `${kind}.${name}`);
  return name.endsWith(".o.weight") ? byHead(values, expected.config) : values;
}

function load(expected: Expected): Model {
  const model = newModel(expected.config);
  const parameters = named(model);
  const names = [...expected.tensors.keys()].filter((name) => name.startsWith("param.")).sort();
  assert.equal(parameters.map(([name]) => `param.${name}`).sort(), names);
  for (const [name, [x]] of parameters) x.set(laidOut(expected, "param", name));
  return model;
}

/** The two rows of segment s; one that begins a document gets a new state. */
function rowsOf(expected: Expected, s: number, states: State[]): { ids: number[]; state: State }[] {
  const width = expected.config.T + 1;
  const [tokens, starts] = [numbers(expected, "tokens"), numbers(expected, "starts")];
  return states.map((_, b) => {
    const row = s * ROWS + b;
    if (starts[row] === 1) states[b] = newState(expected.config);
    return { ids: Array.from({ length: width }, (_, t) => tokens[row * width + t]), state: states[b] };
  });
}

function checkSegments(expected: Expected): void {
  const model = load(expected);
  const { config } = expected;
  const states = Array.from({ length: ROWS }, () => newState(config));
  for (let s = 0; s < SEGMENTS; s++) {
    for (const [, [, dx]] of named(model)) dx.fill(0);
    const rows = rowsOf(expected, s, states);
    const logits = rows.flatMap(({ ids, state }) => {
      const copy = state.map((heads) => heads.map((past) => ({ ...past }))); // `accumulate` reads the segment, too
      return forward(model, ids.slice(0, -1), copy).flatMap(([x]) => [...x]);
    });
    assertClose(logits, numbers(expected, `seg${s}.logits`), 2e-5, `logits of segment ${s}`);
    const loss = accumulate(model, rows);
    assert.ok(Math.abs(loss - numbers(expected, "losses")[s]) < 1e-5, `loss of segment ${s}`);
    for (const [b, state] of states.entries()) {
      for (const [i, kind] of ["keys", "values"].entries()) {
        const name = `seg${s}.memory_after.row${b}.${kind}`;
        if (!expected.tensors.has(name)) continue;
        const stored = state[config.memoryLayer].flatMap(({ memory }) => memory.flatMap((pair) => [...pair[i][0]]));
        assertClose(stored, numbers(expected, name), 1e-5, name);
      }
    }
  }
  const compared = named(model).filter(([name]) => expected.tensors.has(`seg4.grad.${name}`));
  assert.ok(compared.length >= 10);
  for (const [name, [, dx]] of compared) {
    const gradient = laidOut(expected, "seg4.grad", name);
    const largest = Array.from(gradient).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
    const relative = (values: ArrayLike<number>) => Array.from(values, (value) => value / largest);
    assertClose(relative(dx), relative(gradient), 1e-4, `gradient of ${name}`);
  }
}

/** Three passes over the segments with Adam, everything forgotten between them. */
function checkAdam(expected: Expected): void {
  const model = load(expected);
  const update = adamW(model, { decay: 0, clip: Number.POSITIVE_INFINITY });
  for (let t = 0; t < 3 * SEGMENTS; ) {
    const states = Array.from({ length: ROWS }, () => newState(expected.config));
    for (let s = 0; s < SEGMENTS; s++, t++) {
      const loss = accumulate(model, rowsOf(expected, s, states));
      const given = numbers(expected, "adam.losses")[t];
      assert.ok(Math.abs(loss - given) < 1e-3, `step ${t}: loss ${loss}, PyTorch has ${given}`);
      update(3e-3);
    }
  }
}

test("a small example, written out: PyTorch's w1 is the first half of our feed-forward, and its 12 numbers are 6 rows of 2", () => {
  const sizes = { V: 3, C: 2, L: 1, H: 1, D: 1, F: 6, T: 1, W: 0, M: 1, K: 1, memoryLayer: 0 };
  const parameters = new Map(named(newModel({ ...sizes, gated: true, smeared: false }, 1)));
  assert.equal(
    [...parameters.keys()].filter((name) => !name.startsWith("layers.0.")),
    ["emb", "nf.scale"],
  );
  assert.is(parameters.get("layers.0.w1.weight")?.[0].length, 6 * 2);
});

for (const variant of goldenVariants) {
  const { config, tensors } = golden(variant);
  const expected: Expected = { config: referenceConfig(config), tensors };
  test(`${variant}: logits, memory contents and gradients are PyTorch's`, () => checkSegments(expected));
  test(`${variant}: so are the losses of fifteen Adam steps`, () => checkAdam(expected));
}
