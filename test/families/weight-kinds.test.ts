/** Weights of models that others trained in every form: which matrix is kept as what, what it takes, and how far results move. */
import * as assert from "uvu/assert";
import { crossEntropy, MASKED } from "../../src/autodiff/ops/vocabulary.ts";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { InputError } from "../../src/base/errors.ts";
import { Decoder } from "../../src/families/decoder.ts";
import type { ForeignModel } from "../../src/families/foreign-model.ts";
import { loadForeign } from "../../src/families/load-foreign.ts";
import { loadWeights } from "../../src/families/load-weights.ts";
import { keptForm, packedDtype, type WeightKind, weightKinds } from "../../src/families/weight-kinds.ts";
import { keptWeights } from "../../src/families/weights.ts";
import { WEIGHT_TYPES, type WeightType } from "../../src/formats/weight-types.ts";
import { heap } from "../../src/wasm/runtime.ts";
import type { PackedDtype } from "../../src/weights/packed-matrix.ts";
import { suite } from "../harness.ts";
import { expectedOf, largestDifference } from "./decoder-models.ts";
import { absent, directories, reference, stories } from "./golden-models.ts";

const test = suite("kinds of weights");

test("a small example, written out: three rows of 32 numbers in every form", () => {
  const stored = { type: "Q8_0", shape: [3, 32] } as const;
  const forms = weightKinds.map((kind) => keptForm("layers.0.q.weight", stored, kind));
  assert.equal(forms, [
    { form: "int8", bytes: 16 * 32 + 16 * 4 }, // as it is stored; rows come in groups of 16, a block has 4 bytes more
    { form: "float32", bytes: 4 * 96 },
    { form: "bfloat16", bytes: 2 * 96 },
    { form: "float16", bytes: 2 * 96 },
    { form: "int8", bytes: 16 * 32 + 16 * 4 },
    { form: "int4", bytes: 16 * 16 + 16 * 4 },
  ]);
});

test("stored: only floats stay floats; norms, biases and positions are never rounded", () => {
  const four = ["Q4_0", "Q4_1", "Q4_K"];
  for (const type of WEIGHT_TYPES) {
    const expected = { F32: undefined, F16: "f16", BF16: "bf16" } as Partial<Record<WeightType, PackedDtype>>;
    const dtype = packedDtype("embed.weight", { type, shape: [5, 256] }, "stored");
    assert.is(dtype, type in expected ? expected[type] : four.includes(type) ? "int4" : "int8", type);
  }
  for (const kind of weightKinds) {
    assert.is(packedDtype("norm.weight", { type: "BF16", shape: [5] }, kind), undefined);
    assert.is(packedDtype("positions.weight", { type: "BF16", shape: [5, 4] }, kind), undefined);
  }
});

/** The logits of a golden file's tokens, and the mean loss, of the model at `path` with weights as `kind`. */
function read(path: string, golden: string, kind: WeightKind): { logits: Float32Array; loss: number } {
  const { f32, i32, shape } = expectedOf(golden);
  const [ids, [rows, count]] = [i32("tokens"), shape("tokens")];
  const foreign = loadForeign(path);
  using model = new Decoder(foreign.architecture, loadWeights(foreign, kind).weights);
  using state = model.newState({ rows, segment: count });
  const targets = Int32Array.from(ids, (_, i) => ((i + 1) % count === 0 ? MASKED : ids[i + 1]));
  assert.is(f32("loss").length, rows * (count - 1));
  return step(() =>
    noGrad(() => {
      const logits = model.forward({ ids }, state);
      return { logits: logits.toArray(), loss: crossEntropy(logits, targets).loss.item() };
    }),
  );
}

for (const name of Object.keys(directories)) {
  test.unless(
    absent,
    `${name} has the logits of transformers with its weights as stored, bit-identical to floats'`,
    () => {
      const golden = `${reference}/${name}/expected.safetensors`;
      const { logits } = read(`${reference}/${name}`, golden, "stored");
      assert.ok(largestDifference(logits, expectedOf(golden).f32("logits")) < 2e-4);
      assert.equal(logits, read(`${reference}/${name}`, golden, "float32").logits);
    },
  );
}

/**
 * Largest error of a logit, and of the mean loss. The models are random and 32 to 256 wide, so rounding x moves them far more than
 * a trained one.
 */
for (const [name, logit, nats] of [
  ["llama-q8_0", 1.2, 0.02],
  ["llama-mixed", 1.5, 0.03],
  ["qwen2-q4", 1, 0.01],
  ["llama-k", 1.5, 0.03],
] as const) {
  test.unless(absent, `${name}.gguf is near transformers with its weights as stored`, () => {
    const path = `${reference}/gguf/${name}`;
    const golden = expectedOf(`${path}/expected.safetensors`);
    const { logits, loss } = read(`${path}/model.gguf`, `${path}/expected.safetensors`, "stored");
    const mean = golden.f32("loss").reduce((sum, each) => sum + each, 0) / golden.f32("loss").length;
    assert.ok(
      largestDifference(logits, golden.f32("logits")) < logit,
      `${largestDifference(logits, golden.f32("logits"))}`,
    );
    assert.ok(Math.abs(loss - mean) < nats, `${loss}, not ${mean}`);
  });
}

test.unless(absent, "stories260K loses little in every form but 4 bits", () => {
  const gguf = `${stories}/gguf/stories260K-q8_0.gguf`;
  for (const kind of weightKinds) {
    const { loss } = read(gguf, `${stories}/gguf/expected.safetensors`, kind);
    const most = kind === "int4" ? 0.12 : kind === "float32" ? 1e-5 : 0.005;
    assert.ok(Math.abs(loss - 1.281471) < most, `${kind}: ${loss}`);
  }
});

/** The tiny Llama with one number of a tensor changed. */
function withNumber(number: number): ForeignModel {
  const foreign = loadForeign(`${reference}/llama3`);
  const parameters = [...foreign.parameters].map(([name, parameter]) => {
    if (name !== "layers.0.o.weight") return [name, parameter] as const;
    const changed = parameter.bytes().slice();
    changed.set(new Uint8Array(Float32Array.of(number).buffer).subarray(2), 10); // a BF16
    return [name, { ...parameter, bytes: () => changed }] as const;
  });
  return { ...foreign, parameters: new Map(parameters) };
}

test.unless(
  absent,
  "a weight that is too large or not finite is refused by file and tensor, and nothing stays allocated",
  () => {
    const before = heap.bytesInUse;
    for (const [number, kind] of [
      [1e6, "float16"],
      [NaN, "stored"],
      [Infinity, "int8"],
      [NaN, "int4"],
    ] as const) {
      const refusal = (error: unknown) =>
        error instanceof InputError &&
        /llama3\/model\.safetensors: tensor ".*o_proj\.weight": rows 0 to/.test(error.message);
      assert.throws(() => loadWeights(withNumber(number), kind), refusal, `${number} as ${kind}`);
      assert.is(heap.bytesInUse, before);
    }
  },
);

test.unless(absent, "loading reads tensors one after the other and keeps what keptForm says", () => {
  for (const kind of weightKinds) {
    const { architecture, parameters } = loadForeign(`${stories}/gguf/stories260K-q8_0.gguf`);
    const forms = [...parameters].map(([name, parameter]) => keptForm(name, parameter, kind));
    const before = heap.bytesInUse;
    const largest = Math.max(...[...parameters.values()].map(({ shape: [rows, columns = 1] }) => 4 * rows * columns));
    let most = 0;
    const watched = [...parameters].map(([name, parameter]) => {
      const bytes = () => {
        most = Math.max(most, heap.bytesInUse - before);
        return parameter.bytes();
      };
      return [name, { ...parameter, bytes }] as const;
    });
    const weights = keptWeights(architecture, new Map(watched), kind);
    const kept = heap.bytesInUse - before;
    const planned = forms.reduce((sum, { bytes }) => sum + bytes, 0);
    assert.ok(kept >= planned && kept < planned + 128 * forms.length, `${kind}: ${kept} for ${planned}`);
    assert.ok(most <= kept + 2 * largest, `${kind}: ${most} while loading, ${kept} then`);
    weights.release();
    assert.is(heap.bytesInUse, before);
  }
});
