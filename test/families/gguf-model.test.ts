/** Models in GGUF files: what the metadata mean, which rows are moved, and what is refused. */
import * as assert from "uvu/assert";
import { readGgufModel } from "../../src/families/foreign-model.ts";
import { sourceOf } from "../../src/formats/byte-source.ts";
import { type RawTensor, TYPE, type Typed } from "../formats/gguf-files.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { counting, joinGguf, smallGguf, smallMetadata } from "./small-gguf.ts";

const test = suite("models in GGUF files");

type Changes = Readonly<Record<string, Typed | undefined>>;

const read = (changes: Changes = {}, more: readonly RawTensor[] = []) =>
  readGgufModel(sourceOf(joinGguf(smallGguf(changes, more)), "x.gguf"));
const refused = (changes: Changes, more: readonly RawTensor[] = []) =>
  refusal(() => read(changes, more)).replace("x.gguf: ", "");
const floats = (model: ReturnType<typeof read>, name: string) => [...model.parameters.get(name)!.floats()];

/** The metadata of the small model as those of another family. */
function family(name: string): Changes {
  const renamed = Object.entries(smallMetadata).map(([key, value]) => [key.replace(/^llama\./, `${name}.`), value]);
  const removed = Object.keys(smallMetadata).map((key) => [key, undefined]);
  return { ...Object.fromEntries(removed), ...Object.fromEntries(renamed), "general.architecture": [TYPE.text, name] };
}

test("a small example, written out: a Llama of one layer and one head", () => {
  const { architecture, parameters, notes } = read();
  const { positions, ...rest } = architecture;
  assert.equal(rest, {
    family: "llama",
    ...{ vocabulary: 4, width: 2, layers: 1, heads: 1, keyHeads: 1, headWidth: 2, mlpWidth: 3, context: 9 },
    norm: { kind: "rms", epsilon: 0.5, weightOffset: 0 },
    ...{ outputNorms: false, headNorms: false, block: "serial", activation: "silu", gated: true },
    scoreScale: 1 / Math.sqrt(2),
    biases: { q: false, k: false, v: false, o: false, gate: false, up: false, down: false },
    ...{ windows: [null], embeddingScale: 1, tiedHead: true, stopIds: [3] },
  });
  assert.equal(positions, { kind: "rotary", dimensions: 2, frequencies: [Float64Array.of(1)] });
  assert.equal([parameters.size, notes], [11, []]);
});

test("rows of q and k are put in halves in Llama's files, biases too, and left alone in Qwen's", () => {
  const four: Changes = {
    "llama.attention.key_length": [TYPE.u32, 4],
    "llama.attention.value_length": [TYPE.u32, 4],
  };
  const wide = ["q", "k", "v"].map((part) => counting(`blk.0.attn_${part}.weight`, [2, 4]));
  const more = [...wide, counting("blk.0.attn_output.weight", [4, 2]), counting("blk.0.attn_k.bias", [4])];
  const llama = read(four, more);
  assert.equal(floats(llama, "layers.0.q.weight"), [1, 2, 5, 6, 3, 4, 7, 8]);
  assert.equal(floats(llama, "layers.0.k.bias"), [1, 3, 2, 4]);
  assert.equal(floats(llama, "layers.0.v.weight"), [1, 2, 3, 4, 5, 6, 7, 8]);
  const biases = ["q", "k", "v"].map((part) => counting(`blk.0.attn_${part}.bias`, [2]));
  assert.equal(floats(read(family("qwen2"), biases), "layers.0.q.weight"), [1, 2, 3, 4]);
});

test("Qwen 2 cannot do without its biases, Qwen 3 normalises its heads", () => {
  assert.is(refused(family("qwen2")), 'tensor "blk.0.attn_q.bias" is missing; its shape should be [2]');
  const norms = ["q", "k"].map((part) => counting(`blk.0.attn_${part}_norm.weight`, [2]));
  assert.ok(read(family("qwen3"), norms).architecture.headNorms);
});

test("angles are divided by rope_freqs.weight", () => {
  const { positions } = read({}, [
    { ...counting("rope_freqs.weight", [1]), bytes: new Uint8Array(Float32Array.of(4).buffer) },
  ]).architecture;
  assert.equal(positions.kind === "rotary" && [...positions.frequencies[0]], [0.25]);
  assert.is(
    refused({}, [counting("rope_freqs.weight", [2])]),
    'tensor "rope_freqs.weight" has shape [2], it should be [1]',
  );
  const zero = { ...counting("rope_freqs.weight", [1]), bytes: new Uint8Array(4) };
  assert.is(refused({}, [zero]), 'tensor "rope_freqs.weight" must hold numbers above 0');
});

test("θ is 10000 where a file names none; a linear scaling is read, another refused", () => {
  const linear: Changes = {
    "llama.rope.scaling.type": [TYPE.text, "linear"],
    "llama.rope.scaling.factor": [TYPE.f32, 2],
  };
  const { positions } = read({ ...linear, "llama.rope.freq_base": undefined }).architecture;
  assert.equal(positions.kind === "rotary" && [...positions.frequencies[0]], [0.5]);
  assert.is(
    refused({ "llama.rope.scaling.type": [TYPE.text, "yarn"] }),
    'llama.rope.scaling.type is "yarn"; it must be "none" or "linear"',
  );
});

test("a head of its own is read, and makes the model untied", () => {
  const model = read({}, [counting("output.weight", [2, 4])]);
  assert.not.ok(model.architecture.tiedHead);
  assert.equal(floats(model, "head.weight"), [1, 2, 3, 4, 5, 6, 7, 8]);
});

test("all tokens that end something end a text", () => {
  assert.equal(read({ "tokenizer.ggml.eot_token_id": [TYPE.u32, 1] }).architecture.stopIds, [1, 3]);
});

test("marks that end a turn by their name end a text, if they are marks", () => {
  const tokens = ["<|im_end|>", "<|eot_id|>", "a", "</s>"];
  const ends = (types: readonly number[]) =>
    read({
      "tokenizer.ggml.tokens": [TYPE.array, [TYPE.text, tokens]],
      "tokenizer.ggml.token_type": [TYPE.array, [TYPE.i32, types]],
    }).architecture.stopIds;
  assert.equal(ends([3, 4, 3, 3]), [0, 1, 3]);
  assert.equal(ends([1, 3, 3, 3]), [1, 3]);
  assert.equal(ends([1, 1, 1, 1]), [3]);
});

test("what is missing, unknown or not computed is refused", () => {
  assert.match(
    refused({ "general.architecture": undefined }),
    /^general\.architecture is missing; readable in GGUF files are llama, qwen2, qwen3$/,
  );
  assert.match(
    refused({ "general.architecture": [TYPE.text, "gemma3"] }),
    /^general\.architecture is "gemma3"; readable/,
  );
  assert.match(refused({ "general.architecture": [TYPE.u32, 7] }), /^general\.architecture is 7; readable/);
  assert.match(
    refused({ "llama.block_count": undefined }),
    /^llama\.block_count is missing; it must be a whole number from 1/,
  );
  assert.match(refused({ "llama.block_count": [TYPE.f32, 0.5] }), /^llama\.block_count is 0\.5; it must be/);
  assert.is(
    refused({ "llama.expert_count": [TYPE.u32, 8] }),
    "llama.expert_count is 8, which this program does not compute",
  );
  assert.is(read({ "llama.expert_count": [TYPE.u32, 0] }).notes.length, 0);
  assert.is(
    refused({ "llama.attention.clamp_kqv": [TYPE.f32, 8] }),
    "the key llama.attention.clamp_kqv is unknown and may change what the model computes",
  );
  assert.is(
    refused({ "llama.rope.dimension_count": [TYPE.u32, 1] }),
    "1 of 2 entries of a head are rotated; it must be all",
  );
  assert.is(
    refused({ "llama.attention.head_count_kv": [TYPE.u32, 2] }),
    "1 query heads cannot share 2 key heads evenly",
  );
  assert.is(
    refused({ "llama.attention.value_length": [TYPE.u32, 4] }),
    "keys are 2 wide and values 4; they must be equally wide",
  );
  assert.is(
    refused({}, [counting("blk.0.extra.weight", [1])]),
    'tensor "blk.0.extra.weight" of shape [1] belongs to no part of this model',
  );
  assert.is(
    refused({}, [counting("blk.0.attn_q.weight", [2, 3])]),
    'tensor "blk.0.attn_q.weight" has shape [3,2], it should be [2,2]',
  );
});
