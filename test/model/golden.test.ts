/**
 * The model against golden files that an independent PyTorch program computed from the same specification: seven variants,
 * logits, losses, memory contents, gradients, and fifteen steps of Adam.
 */
import * as assert from "uvu/assert";
import { crossEntropy } from "../../src/autodiff/ops/vocabulary.ts";
import { backward, step } from "../../src/autodiff/tape.ts";
import type { ModelState } from "../../src/model/state.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { adamW } from "../../src/train/optimizers.ts";
import { type Golden, type GoldenVariant, golden, goldenVariants } from "../golden.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("golden files");

const ROWS = 2;
const SEGMENTS = 5;

/** Returns our name of the reference's parameter `name`. */
function ourName(name: string): string {
  const direct: Record<string, string> = { emb: "model.embed_tokens.weight", "nf.scale": "model.norm.weight" };
  const inLayer: Record<string, string> = {
    "n1.scale": "input_layernorm.weight",
    "n2.scale": "post_attention_layernorm.weight",
    "q.weight": "self_attn.q_proj.weight",
    "k.weight": "self_attn.k_proj.weight",
    "v.weight": "self_attn.v_proj.weight",
    "o.weight": "self_attn.o_proj.weight",
    "w1.weight": "mlp.up_proj.weight",
    "w2.weight": "mlp.down_proj.weight",
    scale: "self_attn.attention_scale",
    rel: "self_attn.relative_attention_bias.weight",
    gate: "self_attn.memory_gate",
    smear: "self_attn.key_smear",
  };
  const [, layer, rest] = /^layers\.(\d+)\.(.+)$/.exec(name) ?? [];
  return direct[name] ?? `model.layers.${layer}.${inLayer[rest]}`;
}

function namesUnder(prefix: string, { tensors }: Golden): string[] {
  return [...tensors.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}

function loadModel(file: Golden): Transformer {
  const model = new Transformer(file.config);
  const names = namesUnder("param.", file);
  assert.equal(names.map(ourName).sort(), model.parameters.names().sort());
  for (const name of names) model.parameters.get(ourName(name)).set(file.f32(`param.${name}`));
  return model;
}

/** Returns inputs, targets and starts of segment `s`. */
function segment({ config, tensors }: Golden, s: number) {
  const length = config.segment_length;
  const tokens = tensors.get("tokens")!.data as Int32Array;
  const starts = (tensors.get("starts")!.data as Uint8Array).subarray(s * ROWS, (s + 1) * ROWS);
  const ids = new Int32Array(ROWS * length);
  const targets = new Int32Array(ROWS * length);
  for (let row = 0; row < ROWS; row++) {
    const at = (s * ROWS + row) * (length + 1);
    ids.set(tokens.subarray(at, at + length), row * length);
    targets.set(tokens.subarray(at + 1, at + length + 1), row * length);
  }
  return { ids, targets, starts };
}

function assertMemory(file: Golden, state: ModelState, s: number): void {
  for (const memory of state.memories.values()) {
    for (let row = 0; row < ROWS; row++) {
      const contents = memory.contents(row);
      for (const kind of ["keys", "values"] as const) {
        const name = `seg${s}.memory_after.row${row}.${kind}`;
        if (file.tensors.has(name)) assertClose(contents[kind], file.f32(name), 1e-5, name);
      }
    }
  }
}

/** Largest |a − b| relative to the largest |b|. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.is(actual.length, expected.length);
  let [error, largest] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    error = Math.max(error, Math.abs(actual[i] - expected[i]));
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return error / Math.max(largest, 1e-8);
}

function checkSegments(variant: GoldenVariant): void {
  const file = golden(variant);
  const model = loadModel(file);
  const state = model.newState({ rows: ROWS });
  for (let s = 0; s < SEGMENTS; s++) {
    const { ids, targets, starts } = segment(file, s);
    step(() => {
      const logits = model.forward({ ids, starts }, state);
      assertClose(logits.toArray(), file.f32(`seg${s}.logits`), 2e-4, `logits of segment ${s}`);
      const { loss } = crossEntropy(logits, targets);
      assert.ok(Math.abs(loss.item() - file.f32("losses")[s]) < 1e-4, `loss of segment ${s}`);
      if (s === SEGMENTS - 1) backward(loss);
    });
    assertMemory(file, state, s);
  }
  const names = namesUnder("seg4.grad.", file);
  assert.ok(names.length >= 10);
  for (const name of names) {
    const actual = model.parameters.get(ourName(name)).grad?.toArray() ?? [];
    const error = relativeError(actual, file.f32(`seg4.grad.${name}`));
    assert.ok(error < 1e-3, `gradient of ${name}: relative error ${error}`);
  }
  state.release();
  model.parameters.release();
}

function checkAdam(variant: GoldenVariant): void {
  const file = golden(variant);
  const model = loadModel(file);
  const blocks = model.parameters.blocks.map((block) => ({ ...block, lrScale: 1, weightDecay: 0 }));
  const optimizer = adamW(blocks, { beta1: 0.9, beta2: 0.98, eps: 1e-8 });
  for (let pass = 0; pass < 3; pass++) {
    const state = model.newState({ rows: ROWS });
    for (let s = 0; s < SEGMENTS; s++) {
      const { ids, targets, starts } = segment(file, s);
      const loss = step(() => {
        const { loss } = crossEntropy(model.forward({ ids, starts }, state), targets);
        backward(loss);
        return loss.item();
      });
      const expected = file.f32("adam.losses")[pass * SEGMENTS + s];
      assert.ok(
        Math.abs(loss - expected) < 1e-3,
        `step ${pass * SEGMENTS + s}: loss ${loss}, the reference has ${expected}`,
      );
      optimizer.step(3e-3);
      model.parameters.zeroGradients();
    }
    state.release();
  }
  model.parameters.release();
}

test("a small example, written out: errors are shares of the largest number, and names have a counterpart", () => {
  assert.is(relativeError([1, 3], [1, 4]), 0.25);
  assert.is(ourName("emb"), "model.embed_tokens.weight");
  assert.is(ourName("layers.1.q.weight"), "model.layers.1.self_attn.q_proj.weight");
});

for (const variant of goldenVariants) {
  test(`${variant}: logits within 2e-4, memory contents equal, gradients within 1e-3`, () => checkSegments(variant));
  test(`${variant}: fifteen Adam steps have the reference's losses within 1e-3`, () => checkAdam(variant));
}
