/** Parameters of the golden models: the right numbers under the right names, and written back as they were. */
import { existsSync } from "node:fs";
import * as assert from "uvu/assert";
import { families } from "../../src/families/families.ts";
import { type ForeignModel, readModelFiles } from "../../src/families/foreign-model.ts";
import { loadForeign } from "../../src/families/load-foreign.ts";
import { parameterShapes } from "../../src/families/parameters.ts";
import { type ExportedParameter, writeParameters } from "../../src/families/write-parameters.ts";
import { readGguf } from "../../src/formats/gguf.ts";
import { readSafetensorsFile } from "../../src/formats/safetensors-file.ts";
import { safetensorsWeights } from "../../src/formats/safetensors-weights.ts";
import { floatsOf } from "../../src/formats/weight-file.ts";
import { fileRanges } from "../../src/platform/file-ranges.ts";
import { suite } from "../harness.ts";
import { absent, directories, json, reference, stories } from "./golden-models.ts";
import { bytesOf, gpt2Files, modelFiles } from "./small-models.ts";

const test = suite("parameters of families");

const floats = (model: ForeignModel, name: string) => model.parameters.get(name)!.floats();

test("a small example, written out: GPT-2's fused, turned weights in a file without a prefix", () => {
  const model = readModelFiles(modelFiles(gpt2Files()));
  assert.equal(floats(model, "layers.0.k.weight"), Float32Array.of(3, 9, 4, 10)); // columns 2 and 3 of [2, 6]
  assert.equal(floats(model, "layers.0.v.bias"), Float32Array.of(4, 5));
  assert.equal(floats(model, "layers.0.down.weight").length, 2 * 8);
  assert.equal(model.parameters.get("layers.0.down.weight")!.shape, [2, 8]);
});

for (const name of Object.keys(directories)) {
  test.unless(absent, `${name}: every parameter has its shape, and what enters block 0 is its embedding`, () => {
    const model = loadForeign(`${reference}/${name}`);
    const { architecture, parameters } = model;
    assert.equal(
      [...parameters].map(([name, { shape }]) => ({ name, shape })),
      parameterShapes(architecture),
    );
    const { tensors } = readSafetensorsFile(`${reference}/${name}/expected.safetensors`);
    const tokens = tensors.get("tokens")!.data as Int32Array;
    const stream = tensors.get("stream.0")!.data as Float32Array;
    const { width: C, embeddingScale, positions } = architecture;
    const embed = floats(model, "embed.weight");
    const places = positions.kind === "learned" ? floats(model, "positions.weight") : undefined;
    for (let i = 0; i < tokens.length * C; i++) {
      const [row, column] = [Math.floor(i / C), i % C];
      const place = places?.[(row % 48) * C + column] ?? 0;
      const value = embed[tokens[row] * C + column] * embeddingScale + place;
      assert.ok(Math.abs(value - stream[i]) < 1e-6, `token ${row}, entry ${column}`);
    }
  });

  test.unless(absent, `${name}: written back, all tensors have their old names, shapes and bits`, () => {
    const model = loadForeign(`${reference}/${name}`);
    const { family } = model.architecture;
    const parameters = model.parameters as ReadonlyMap<string, ExportedParameter>;
    const written = writeParameters(model.architecture, parameters, families[family]);
    const original = originalTensors(`${reference}/${name}`);
    let compared = 0;
    for (const [tensor, { shape, dtype, data }] of written) {
      const expected = original.get(tensor) ?? original.get(tensor.replace(/^transformer\./, ""))!;
      assert.equal([dtype, shape], [expected.dtype, expected.shape], tensor);
      assert.equal(bytesOf(data), expected.bytes(), tensor);
      compared++;
    }
    const ignored = /\.attn\.bias$|attention\.(?:bias|masked_bias|rotary_emb\.inv_freq)$/;
    const left = [...original.keys()].filter((tensor) => !ignored.test(tensor)).length - compared;
    assert.is(left, name === "qwen2" ? 1 : 0); // its head, which is the embedding once more
  });
}

/** All tensors of the files of a directory. */
function originalTensors(directory: string) {
  if (!existsSync(`${directory}/model.safetensors.index.json`)) {
    return safetensorsWeights(fileRanges(`${directory}/model.safetensors`)).tensors;
  }
  const { weight_map } = json(`${directory}/model.safetensors.index.json`) as { weight_map: Record<string, string> };
  const shards = new Set(Object.values(weight_map));
  return new Map([...shards].flatMap((shard) => [...safetensorsWeights(fileRanges(`${directory}/${shard}`)).tensors]));
}

for (const name of ["llama-q8_0", "llama-mixed", "qwen2-q4", "llama-k"]) {
  test.unless(absent, `GGUF ${name}: every tensor has the values of the golden file, bit by bit`, () => {
    const path = `${reference}/gguf/${name}`;
    const { tensors } = readSafetensorsFile(`${path}/expected.safetensors`);
    const file = readGguf(fileRanges(`${path}/model.gguf`));
    for (const [tensor, stored] of file.tensors) {
      const expected = tensors.get(`weight.${tensor}`);
      assert.ok(expected !== undefined || tensor === "rope_freqs.weight", tensor);
      if (expected === undefined) continue;
      assert.equal(stored.shape, expected.shape, tensor);
      assert.equal(bytesOf(floatsOf(stored, path)), bytesOf(expected.data), tensor);
    }
    const weights = [...tensors.keys()].filter((key) => key.startsWith("weight."));
    assert.ok(weights.every((key) => file.tensors.has(key.slice(7))));
  });

  test.unless(absent, `GGUF ${name}: rows of q and k are in halves, as its family has them`, () => {
    const path = `${reference}/gguf/${name}`;
    const { tensors } = readSafetensorsFile(`${path}/expected.safetensors`);
    const model = loadForeign(`${path}/model.gguf`);
    const { family, headWidth: D, width: C, heads } = model.architecture;
    const expected = tensors.get("weight.blk.0.attn_q.weight")!.data as Float32Array;
    const q = floats(model, "layers.0.q.weight");
    for (let row = 0; row < heads * D; row++) {
      const inHead = row % D;
      const paired = row - inHead + (inHead < D / 2 ? 2 * inHead : 2 * (inHead - D / 2) + 1);
      const from = (family === "llama" ? paired : row) * C;
      assert.equal(q.subarray(row * C, row * C + C), expected.subarray(from, from + C), `row ${row}`);
    }
  });
}

const noStories = existsSync(stories) ? undefined : `${stories} is not there`;

test.unless(
  noStories,
  "stories260K from GGUF is the same model as from its directory, up to rounding to eight bits",
  () => {
    const [directory, gguf] = [loadForeign(`${stories}/hf`), loadForeign(`${stories}/gguf/stories260K-q8_0.gguf`)];
    const { stopIds: _, norm, ...expected } = directory.architecture;
    const { stopIds, norm: ggufNorm, ...described } = gguf.architecture;
    assert.equal(described, expected);
    assert.ok(Math.abs(norm.epsilon / ggufNorm.epsilon - 1) < 1e-7);
    assert.equal(stopIds, [2]);
    for (const [name, parameter] of directory.parameters) {
      const [exact, rounded] = [parameter.floats(), floats(gguf, name)];
      const largest = exact.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const error = exact.reduce((most, value, i) => Math.max(most, Math.abs(value - rounded[i])), 0);
      assert.ok(error <= largest / 127, `${name}: ${error} of ${largest}`);
    }
  },
);
