/** Rotary positions: angles by hand, those of published models, and both spellings of a configuration. */
import * as assert from "uvu/assert";
import { loadForeign } from "../../src/families/load-foreign.ts";
import { inverseFrequencies, type RopeScaling } from "../../src/families/rope.ts";
import { readSafetensorsFile } from "../../src/formats/safetensors-file.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { absent, describe, described, directories, json, reference } from "./golden-models.ts";

const test = suite("rotary positions");

/** How far transformers' own angles, which it computes in float32, are from the exact ones. */
const FLOAT32_ERROR = 5e-7;

/** The largest |a / b - 1|. */
function relative(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.is(a.length, b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value / b[i] - 1)));
}

function frequencies(family: "llama" | "qwen2" | "gpt_neox", changes: Record<string, unknown>): Float64Array {
  const { positions } = describe(family, changes);
  if (positions.kind !== "rotary") throw new Error(`${family} is not rotary`);
  return positions.frequencies[0];
}

test("a small example, written out: four entries and a θ of 100 turn by 1 and 1/10", () => {
  assert.ok(relative(inverseFrequencies(4, 100, { type: "default" }), [1, 0.1]) < 1e-15);
  assert.ok(relative(inverseFrequencies(4, 100, { type: "linear", factor: 4 }), [0.25, 0.025]) < 1e-15);
});

test("Llama 3 divides slow angles, leaves fast ones, and mixes those between", () => {
  const scaling = { type: "llama3", factor: 8, low: 1, high: 4, original: 20 * Math.PI } as const;
  // Turns within the original length are 10, 1 and 1/10 for θ 100: fast, at the lower end, slow.
  assert.ok(relative(inverseFrequencies(2, 100, scaling), [1]) < 1e-15);
  assert.ok(relative(inverseFrequencies(4, 100, scaling), [1, 0.1 / 8]) < 1e-12);
  assert.ok(relative(inverseFrequencies(4, 10000, scaling), [1, 0.01 / 8]) < 1e-15);
  // At 0.25 radians there are 2.5 turns: half way between 1 and 4.
  assert.ok(relative(inverseFrequencies(4, 16, scaling), [1, 0.5 * (0.25 / 8) + 0.5 * 0.25]) < 1e-12);
});

interface Published {
  readonly name: string;
  readonly head_dim: number;
  readonly rope_theta: number;
  readonly rope_scaling?: Record<string, unknown> | null;
  readonly partial_rotary_factor?: number;
  readonly inv_freq: readonly number[];
}

test.unless(absent, "the angles of published models are right to 1e-7, in both spellings", () => {
  const published = json(`${reference}/rope/expected.json`) as unknown as Published[];
  assert.ok(published.length >= 5);
  for (const { name, head_dim, rope_theta, rope_scaling, inv_freq } of published) {
    const dimensions = inv_freq.length * 2;
    const old = { rope_parameters: undefined, head_dim: dimensions, rope_theta, rope_scaling };
    const current = { head_dim: dimensions, rope_parameters: { rope_type: "default", ...rope_scaling, rope_theta } };
    assert.ok(dimensions <= head_dim);
    assert.ok(relative(frequencies("llama", old), inv_freq) < 1e-7, name);
    assert.ok(relative(frequencies("llama", current), inv_freq) < 1e-7, name);
  }
});

for (const name of Object.keys(directories)) {
  test.unless(absent, `${name}: the angles of every layer are those of transformers`, () => {
    const { tensors } = readSafetensorsFile(`${reference}/${name}/expected.safetensors`);
    const { positions, windows } = loadForeign(`${reference}/${name}`).architecture;
    if (positions.kind === "learned")
      return assert.not.ok([...tensors.keys()].some((key) => key.startsWith("inv_freq")));
    for (const [layer, angles] of positions.frequencies.entries()) {
      const kind = windows[layer] === null ? "full_attention" : "sliding_attention";
      const expected = tensors.get("inv_freq") ?? tensors.get(`inv_freq.${kind}`);
      assert.ok(relative(angles, expected?.data as Float32Array) < FLOAT32_ERROR, `layer ${layer}`);
    }
  });
}

test("a part of a head is rotated, as many whole pairs as the share gives", () => {
  const share = (partial_rotary_factor: number, head_dim = 24) =>
    describe("gpt_neox", { head_dim, rope_parameters: { rope_theta: 5000, partial_rotary_factor } }).positions;
  assert.is((share(0.25) as { dimensions: number }).dimensions, 6);
  for (const factor of [0.3, 1.25, 0.01]) {
    assert.match(
      refusal(() => share(factor)),
      /rotated entries; they must be an even number from 2 to 24$/,
    );
  }
  const without = { rope_theta: 5000, rope_type: "default" };
  assert.match(
    refusal(() => describe("gpt_neox", { rope_parameters: without })),
    "neither partial_rotary_factor nor rotary_pct",
  );
  const part = { rope_theta: 5000, partial_rotary_factor: 0.5 };
  assert.match(
    refusal(() => describe("llama", { rope_parameters: part })),
    "in this family all of a head is rotated",
  );
});

test("a θ that stands in neither spelling is refused, except for the Llamas of early 2023", () => {
  const none = { rope_parameters: undefined };
  for (const family of ["qwen2", "qwen3", "gemma3_text"] as const) {
    assert.match(
      refusal(() => describe(family, none)),
      "names neither rope_parameters with a rope_theta nor rope_theta",
    );
  }
  assert.match(
    refusal(() => describe("gpt_neox", none)),
    "names neither rope_parameters with a rope_theta nor rotary_emb_base",
  );
  const { notes } = described("llama", none);
  assert.equal(notes, ["config.json names no rope_theta, as files of early 2023; 10000 was taken, which they mean"]);
  assert.is(
    refusal(() => describe("llama", { rope_parameters: {} })),
    "config.json: rope_parameters names no rope_theta",
  );
});

test("where both spellings stand, rope_parameters holds; two scalings are refused", () => {
  const parameters = { rope_type: "default", rope_theta: 100 };
  const both = { head_dim: 4, rope_theta: 7, rope_parameters: parameters };
  assert.ok(relative(frequencies("llama", both), [1, 0.1]) < 1e-15);
  const without = { head_dim: 4, rope_theta: 100, rope_parameters: { rope_type: "default" } };
  assert.ok(relative(frequencies("llama", without), [1, 0.1]) < 1e-15);
  const scalings = { rope_parameters: parameters, rope_scaling: { type: "linear", factor: 2 } };
  assert.match(
    refusal(() => describe("llama", scalings)),
    "both rope_parameters and rope_scaling are given",
  );
});

test("a scaling that is unknown, incomplete or contradicts itself is refused", () => {
  const scaled = (rope_scaling: unknown) =>
    refusal(() => describe("llama", { rope_parameters: undefined, rope_theta: 100, rope_scaling }));
  const types = '; it must be "default" or "linear" or "llama3"';
  assert.is(scaled({ rope_type: "yarn", factor: 4 }), `config.json: rope_scaling.rope_type is "yarn"${types}`);
  assert.is(scaled({ type: "dynamic", factor: 4 }), `config.json: rope_scaling.type is "dynamic"${types}`);
  assert.match(scaled({ type: "linear", rope_type: "llama3", factor: 4 }), "rope_scaling.type is");
  assert.match(scaled({ type: "linear" }), "rope_scaling.factor is missing; it must be a number above 0");
  assert.match(scaled({ rope_type: "llama3", factor: 8 }), "rope_scaling.low_freq_factor is missing");
  assert.match(
    scaled({ type: "linear", factor: 2, attention_factor: 1.2 }),
    "the key rope_scaling.attention_factor is unknown",
  );
  assert.match(scaled([]), "rope_scaling must be a JSON object");
  const llama3 = {
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 4,
    high_freq_factor: 4,
    original_max_position_embeddings: 9,
  };
  assert.match(scaled(llama3), "low_freq_factor is 4; it must be less than high_freq_factor, 4");
  const scaling: RopeScaling = { type: "default" };
  assert.is(inverseFrequencies(0, 100, scaling).length, 0);
});
