/**
 * A decoder's state in a checkpoint: a copy goes on with the same bits. With it the gradients of a segment are compared with
 * central differences: pairs of earlier segments are constants, and a restored state keeps them so.
 */
import * as assert from "uvu/assert";
import { crossEntropy } from "../../src/autodiff/ops/vocabulary.ts";
import { backward, noGrad, step } from "../../src/autodiff/tape.ts";
import type { Decoder } from "../../src/families/decoder.ts";
import type { DecoderState } from "../../src/families/decoder-state.ts";
import { offsetName } from "../../src/families/weights.ts";
import type { StoredTensor } from "../../src/formats/safetensors.ts";
import { TensorReader } from "../../src/formats/tensor-reader.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { logitsOf, randomTokens, smallDecoder } from "./small-decoders.ts";

const test = suite("saved states of decoders");

/** A window of 6, segments of 4, one sink, a memory of 9 pairs of which 3 are retrieved, distances up to 10. */
const settings = { window: 6, segment: 4, sinks: 1, memorySize: 9, neighbours: 3, reach: 10 };
const families = ["gpt2", "gpt_neo", "gpt_neox", "llama", "qwen2", "qwen3", "gemma3_text"] as const;

const changesOf = (family: string) => (family === "gpt2" ? { n_positions: 12 } : { max_position_embeddings: 12 });

const reader = (saved: ReadonlyMap<string, StoredTensor>) => new TensorReader(saved, "trainer.safetensors");

/** Reads segments into both rows; in the third of each five a document begins in row 1. */
function readOn(model: Decoder, state: DecoderState, from: number, to: number): number[] {
  const last: number[] = [];
  for (let segment = from; segment < to; segment++) {
    const ids = Int32Array.from([1, 2].flatMap((row) => [...randomTokens(4, 100 * segment + row)]));
    const starts = segment % 5 === 2 ? [0, 1] : undefined;
    const lengths = segment % 5 === 1 ? [4, 3] : undefined;
    last.push(...step(() => noGrad(() => model.forward({ ids, starts, lengths }, state).toArray())));
  }
  return last;
}

for (const family of families) {
  test(`${family}: a state that was saved and loaded goes on with the same bits, wherever it is`, () => {
    using model = smallDecoder(family, changesOf(family));
    for (const at of [0, 1, 3, 4, 7, 11]) {
      using state = model.newState({ rows: 2, ...settings });
      using copy = model.newState({ rows: 2, ...settings });
      readOn(model, state, 0, at);
      const saved = reader(state.save("state."));
      copy.load(saved, "state.");
      saved.end();
      assert.equal(readOn(model, copy, at, at + 7), readOn(model, state, at, at + 7), `after ${at} segments`);
    }
  });
}

test("a memory of halves, buffers that have grown and rolled, and a document longer than the memory are saved too", () => {
  using model = smallDecoder("llama", { max_position_embeddings: 3000, num_hidden_layers: 2 });
  const large = {
    window: 1500,
    segment: 500,
    sinks: 2,
    memorySize: 700,
    neighbours: 3,
    memoryDtype: "float16",
  } as const;
  using state = model.newState({ rows: 1, ...large });
  for (let segment = 0; segment < 9; segment++) logitsOf(model, state, [randomTokens(500, segment)]);
  using copy = model.newState({ rows: 1, ...large });
  copy.load(reader(state.save()));
  const next = randomTokens(1000, 99);
  assert.equal([...logitsOf(model, copy, [next])[0]], [...logitsOf(model, state, [next])[0]]);
});

test("a state whose file is refused late has read nothing", () => {
  using model = smallDecoder("llama");
  const [state, late, fresh] = [0, 1, 2].map(() => model.newState({ rows: 1, ...settings }));
  for (const each of [state, late]) logitsOf(model, each, [randomTokens(24)]);
  const saved = state.save();
  const last = [...saved.keys()].slice(-1)[0];
  saved.delete(last);
  assert.match(
    refusal(() => late.load(reader(saved))),
    last,
  );
  const next = randomTokens(24, 5);
  assert.equal(logitsOf(model, late, [next]), logitsOf(model, fresh, [next]));
  for (const each of [state, late, fresh]) each.release();
});

test("what does not fit is refused, and names the file", () => {
  using model = smallDecoder("llama");
  using state = model.newState({ rows: 1, ...settings });
  logitsOf(model, state, [randomTokens(12)]);
  const saved = state.save();
  using other = model.newState({ rows: 2, ...settings });
  assert.match(
    refusal(() => other.load(reader(saved))),
    'trainer.safetensors: tensor "place" has shape [7], it should be [11]',
  );
  const places: [place: number[], reason: string][] = [
    [[2000, 4, 0, 4, 0, 4, 0], "outside its buffers"],
    [[2, 4, 0, 4, 0, 4, 0], "outside its buffers"],
    [[8, 4, 99, 4, 0, 8, 0], "outside its buffers"],
  ];
  for (const [numbers, reason] of places) {
    const moved = new Map(saved).set("place", { dtype: "I64", shape: [7], data: BigInt64Array.from(numbers, BigInt) });
    assert.match(
      refusal(() => state.load(reader(moved))),
      reason,
    );
  }
});

/** All pairs are retrieved: the choice of some would change with the weights, by a jump. */
const whole = { ...settings, neighbours: settings.memorySize };

/** The mean loss of one more segment from a saved state; `use` is called within its step. */
function lossFrom<T>(model: Decoder, saved: ReadonlyMap<string, StoredTensor>, use: (loss: Loss) => T): T {
  using state = model.newState({ rows: 2, ...whole });
  state.load(reader(saved));
  const ids = Int32Array.of(1, 4, 0, 2, 3, 3, 1, 0);
  return step(() => use(crossEntropy(model.forward({ ids }, state), Int32Array.of(4, 0, 2, 2, 3, 1, 0, 4)).loss));
}

type Loss = ReturnType<typeof crossEntropy>["loss"];

for (const family of ["gpt_neox", "llama", "qwen2", "qwen3", "gemma3_text"] as const) {
  test(`${family}: with a memory, offsets and all other parameters get the gradients of central differences`, () => {
    using model = smallDecoder(family, {
      ...changesOf(family),
      ...(family !== "gemma3_text" && { num_hidden_layers: 2 }),
    });
    const { parameters, memoryLayers } = model;
    for (const layer of memoryLayers) parameters.get(offsetName(layer)).fill(0.3);
    using state = model.newState({ rows: 2, ...whole });
    readOn(model, state, 0, 5);
    const saved = state.save();
    parameters.zeroGradients();
    lossFrom(model, saved, (loss) => backward(loss));
    for (const name of parameters.names()) {
      const parameter = parameters.get(name);
      const values = parameter.toArray();
      const gradient = parameter.grad!.toArray();
      const places = Array.from({ length: Math.min(7, values.length) }, (_, i) => Math.floor((i * values.length) / 7));
      const slope = (at: number, shift: number) => {
        const [above, below] = [shift, -shift].map((by) => {
          parameter.set(values.with(at, values[at] + by));
          return lossFrom(model, saved, (loss) => loss.item());
        });
        parameter.set(values);
        return (above - below) / (2 * shift);
      };
      // Two shifts, so that what a third derivative adds to each goes out.
      const differences = places.map((at) => (4 * slope(at, 0.001) - slope(at, 0.002)) / 3);
      assertClose(
        places.map((at) => gradient[at]),
        differences,
        2e-3,
        name,
      );
    }
    const offsets = memoryLayers.flatMap((layer) => [...parameters.get(offsetName(layer)).grad!.toArray()]);
    assert.ok(
      offsets.every((gradient) => gradient !== 0),
      `${offsets}`,
    );
  });
}
