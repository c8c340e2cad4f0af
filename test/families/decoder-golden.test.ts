/**
 * The decoder against `transformers`: logits, hidden states, losses, gradients and greedy tokens of eleven tiny models, of four
 * GGUF files and of one real model.
 */
import * as assert from "uvu/assert";
import { crossEntropy, MASKED } from "../../src/autodiff/ops/vocabulary.ts";
import { backward, noGrad, step } from "../../src/autodiff/tape.ts";
import { Decoder } from "../../src/families/decoder.ts";
import { loadForeign } from "../../src/families/load-foreign.ts";
import { floatWeights } from "../../src/families/weights.ts";
import { suite } from "../harness.ts";
import { decoderAt, type Expected, expectedOf, gradientsOf, largestDifference } from "./decoder-models.ts";
import { absent, directories, reference, stories } from "./golden-models.ts";

const test = suite("decoders against transformers");

const TOLERANCE = { logits: 2e-4, hidden: 2e-4, loss: 1e-4, mean: 1e-5, gradient: 1e-4 };

/** Tokens [B, n], and the token after each of them; the last has none. */
function rowsOf(expected: Expected) {
  const [rows, count] = expected.shape("tokens");
  const ids = expected.i32("tokens");
  const targets = Int32Array.from(ids, (_, i) => ((i + 1) % count === 0 ? MASKED : ids[i + 1]));
  return { rows, count, ids, targets };
}

function argmax(logits: Float32Array): number {
  return logits.reduce((best, logit, i) => (logit > logits[best] ? i : best), 0);
}

/** Continues `prompt` by the likeliest token, one at a time, until `count` tokens or one of `stops`. */
function greedy(model: Decoder, prompt: Int32Array, count: number, stops: readonly number[] = []): number[] {
  const state = model.newState({ rows: 1, segment: prompt.length + count });
  const written: number[] = [];
  for (let ids = prompt; written.length < count; ids = Int32Array.from(written.slice(-1))) {
    written.push(
      step(() => noGrad(() => argmax(model.forward({ ids }, state).toArray().slice(-model.architecture.vocabulary)))),
    );
    if (stops.includes(written.at(-1) as number)) break;
  }
  state.release();
  return written;
}

/** Losses of all tokens but each row's last, [B, n − 1]. */
function losses(nats: Float32Array, count: number): Float32Array {
  return nats.filter((_, i) => (i + 1) % count > 0);
}

function checkForward(model: Decoder, expected: Expected): void {
  const { rows, count, ids, targets } = rowsOf(expected);
  const state = model.newState({ rows, segment: count });
  step(() => {
    const x = model.hidden({ ids }, state);
    assert.ok(largestDifference(model.normed(x).toArray(), expected.f32("hidden")) < TOLERANCE.hidden, "hidden");
    const logits = model.logits(x);
    assert.ok(largestDifference(logits.toArray(), expected.f32("logits")) < TOLERANCE.logits, "logits");
    const { loss, nats } = crossEntropy(logits, targets);
    assert.ok(largestDifference(losses(nats.toArray(), count), expected.f32("loss")) < TOLERANCE.loss, "losses");
    const mean = expected.f32("loss").reduce((sum, nat) => sum + nat, 0) / (rows * (count - 1));
    assert.ok(Math.abs(loss.item() - mean) < TOLERANCE.mean, `mean loss ${loss.item()}, not ${mean}`);
    if (model.parameters.blocks[0].gradients.size > 0) backward(loss);
  });
  state.release();
}

/** Compares each gradient, of the embedding row by row, since rare tokens have large ones. */
function checkGradients(model: Decoder, gradients: ReadonlyMap<string, Float32Array>): void {
  for (const [name, expected] of gradients) {
    const { shape } = model.parameters.get(name);
    const actual = model.parameters.get(name).grad?.toArray() ?? new Float32Array(0);
    const width = name === "embed.weight" ? shape[1] : expected.length;
    for (let at = 0; at < expected.length; at += width) {
      const [row, wanted] = [actual.subarray(at, at + width), expected.subarray(at, at + width)];
      const largest = wanted.reduce((most, g) => Math.max(most, Math.abs(g)), 1e-3);
      const error = largestDifference(row, wanted) / largest;
      assert.ok(error < TOLERANCE.gradient, `gradient of ${name} at ${at}: ${error}`);
    }
  }
}

for (const name of Object.keys(directories)) {
  const path = `${reference}/${name}`;

  test.unless(absent, `${name} has the logits, losses and gradients of transformers`, () => {
    const model = decoderAt(path, { learns: true });
    checkForward(model, expectedOf(`${path}/expected.safetensors`));
    checkGradients(model, gradientsOf(`${path}/expected.safetensors`, model.architecture));
    model.release();
  });

  test.unless(absent, `${name} has what enters each block`, () => {
    const expected = expectedOf(`${path}/expected.safetensors`);
    const { rows, count, ids } = rowsOf(expected);
    const streams = expected.names.filter((tensor) => tensor.startsWith("stream."));
    assert.ok(streams.length > 1);
    const { architecture, parameters } = loadForeign(path);
    const weights = floatWeights(architecture, parameters);
    for (const [layers, stream] of streams.sort().entries()) {
      const shallow = new Decoder({ ...architecture, layers }, weights);
      const state = shallow.newState({ rows, segment: count });
      const x = step(() => noGrad(() => shallow.hidden({ ids }, state).toArray()));
      assert.ok(largestDifference(x, expected.f32(stream)) < TOLERANCE.hidden, stream);
      state.release();
    }
    weights.release();
  });

  test.unless(absent, `${name} writes the same tokens, and stops where it should`, () => {
    const model = decoderAt(path);
    const expected = expectedOf(`${path}/expected.safetensors`);
    const prompt = expected.i32("tokens").slice(0, 16);
    assert.equal(greedy(model, prompt, 24), [...expected.i32("greedy")]);
    if (expected.names.includes("stopped")) {
      assert.equal(greedy(model, prompt, 24, model.architecture.stopIds), [...expected.i32("stopped")]);
    }
    model.release();
  });
}

for (const name of ["llama-q8_0", "llama-mixed", "qwen2-q4", "llama-k"]) {
  test.unless(absent, `${name}.gguf has the logits of transformers`, () => {
    const path = `${reference}/gguf/${name}`;
    const model = decoderAt(`${path}/model.gguf`);
    const expected = expectedOf(`${path}/expected.safetensors`);
    checkForward(model, expected);
    assert.equal(greedy(model, expected.i32("tokens").slice(0, 16), 24), [...expected.i32("greedy")]);
    model.release();
  });
}

/** Losses of the whole story, and the tokens that llama2.c's documentation prints. */
for (const [kind, path, golden] of [
  ["directory", `${stories}/hf`, `${stories}/hf/expected.safetensors`],
  ["GGUF file", `${stories}/gguf/stories260K-q8_0.gguf`, `${stories}/gguf/expected.safetensors`],
]) {
  test.unless(absent, `stories260K as a ${kind} tells its story`, () => {
    const model = decoderAt(path);
    const expected = expectedOf(golden);
    const { rows, count, ids, targets } = rowsOf(expected);
    const state = model.newState({ rows, segment: count });
    step(() => {
      const logits = noGrad(() => model.forward({ ids }, state));
      const last = logits.toArray().slice(-model.architecture.vocabulary);
      assert.ok(largestDifference(last, expected.f32("logits.last")) < TOLERANCE.logits, "last logits");
      const { loss, nats } = noGrad(() => crossEntropy(logits, targets));
      assert.ok(largestDifference(losses(nats.toArray(), count), expected.f32("loss")) < TOLERANCE.loss, "losses");
      const mean = kind === "directory" ? 1.278446 : 1.281471;
      assert.ok(Math.abs(loss.item() - mean) < TOLERANCE.mean, `mean loss ${loss.item()}`);
    });
    state.release();
    const story = expected.i32("greedy");
    assert.equal(greedy(model, Int32Array.of(1), story.length), [...story]);
    model.release();
  });
}

test.unless(absent, "stories260K has the gradients of transformers", () => {
  const model = decoderAt(`${stories}/hf`, { learns: true });
  const golden = `${stories}/hf/expected.safetensors`;
  const { rows, count, ids, targets } = rowsOf(expectedOf(golden));
  const state = model.newState({ rows, segment: count });
  step(() => backward(crossEntropy(model.forward({ ids }, state), targets).loss));
  checkGradients(model, gradientsOf(golden, model.architecture));
  state.release();
  model.release();
});
