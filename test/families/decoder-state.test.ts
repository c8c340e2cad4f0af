/** What a decoder's state does from segment to segment: windows, memories, documents, rows. */
import * as assert from "uvu/assert";
import { crossEntropy } from "../../src/autodiff/ops/vocabulary.ts";
import { backward, noGrad, step } from "../../src/autodiff/tape.ts";
import { Decoder } from "../../src/families/decoder.ts";
import { type ReadingSettings, readingSettings } from "../../src/families/reading-settings.ts";
import { declareWeights, offsetName, Weights } from "../../src/families/weights.ts";
import { restoreSnapshot, takeSnapshot } from "../../src/memory/snapshot.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { describe } from "./golden-models.ts";
import { logitsOf, randomTokens, smallDecoder } from "./small-decoders.ts";

const test = suite("states of decoders");

/** A window of 6, segments of 4, one sink, a memory of 9 pairs of which 3 are retrieved, distances up to 10. */
const settings = { window: 6, segment: 4, sinks: 1, memorySize: 9, neighbours: 3, reach: 10 };
const families = ["gpt2", "gpt_neo", "gpt_neox", "llama", "qwen2", "qwen3", "gemma3_text"] as const;

/** Changes that give a small model room for a window and a segment. */
const changesOf = (family: string) => (family === "gpt2" ? { n_positions: 12 } : { max_position_embeddings: 12 });

test("a small example, written out: a token that leaves the window becomes a sink, the next ones are remembered", () => {
  using model = smallDecoder("llama", { num_key_value_heads: 1 });
  using state = model.newState({ rows: 1, window: 2, segment: 2, sinks: 1, memorySize: 9, reach: 4 });
  const memory = state.memories.get(0)!;
  const lengths = [0, 1, 2, 3].map((segment) => {
    logitsOf(model, state, [randomTokens(2, segment)]);
    return memory.length(0);
  });
  assert.equal(lengths, [0, 0, 1, 3], "the third segment begins at 4: of 0 and 1 the first is a sink");
  assert.is(state.room, 2);
});

for (const family of families) {
  test(`${family}: until a token leaves the window, nothing differs from the plain model, bit for bit`, () => {
    using model = smallDecoder(family, changesOf(family));
    using plain = model.newState({ rows: 1, segment: 4, window: 8, sinks: 0 });
    using state = model.newState({ rows: 1, ...settings });
    const ids = randomTokens(14);
    const [expected, actual] = [plain, state].map((one) => logitsOf(model, one, [ids])[0]);
    const { vocabulary } = model.architecture;
    assert.equal([...actual.subarray(0, 8 * vocabulary)], [...expected.subarray(0, 8 * vocabulary)]);
    const hasMemory = state.memories.size > 0;
    assert.is(hasMemory, true);
    assert.not.equal([...actual.subarray(12 * vocabulary)], [...expected.subarray(12 * vocabulary)]);
  });

  test(`${family}: reading token by token is reading at once`, () => {
    using model = smallDecoder(family, changesOf(family));
    const ids = randomTokens(31);
    const [atOnce, oneByOne, byThrees] = [Infinity, 1, 3].map((most) => {
      using state = model.newState({ rows: 1, ...settings });
      return logitsOf(model, state, [ids], most)[0];
    });
    assertClose(oneByOne, atOnce, 2e-5, "one by one");
    assertClose(byThrees, atOnce, 2e-5, "by threes");
  });

  test(`${family}: rows do not see each other, and a document that begins forgets the one before`, () => {
    using model = smallDecoder(family, changesOf(family));
    const [first, second] = [randomTokens(24, 1), randomTokens(24, 2)];
    const alone = [first, second.slice(12)].map((ids) => {
      using state = model.newState({ rows: 1, ...settings });
      return logitsOf(model, state, [ids])[0];
    });
    using state = model.newState({ rows: 2, ...settings });
    const before = logitsOf(model, state, [first.slice(0, 12), second.slice(0, 12)]);
    const ids = Int32Array.from([...first.subarray(12, 16), ...second.subarray(12, 16)]);
    const begun = step(() => noGrad(() => model.forward({ ids, starts: [0, 1] }, state).toArray()));
    const after = logitsOf(model, state, [first.slice(16), second.slice(16)]);
    const half = begun.length / 2;
    assertClose([...before[0], ...begun.subarray(0, half), ...after[0]], alone[0], 2e-5, "the row that goes on");
    assertClose([...begun.subarray(half), ...after[1]], alone[1], 2e-5, "the row that begins anew");
  });
}

for (const family of ["gpt2", "gpt_neo"] as const) {
  test(`${family}: with learned positions, a segment is read as if the window before it were all there is`, () => {
    using model = smallDecoder(family, changesOf(family));
    const { vocabulary } = model.architecture;
    const ids = randomTokens(30);
    using state = model.newState({ rows: 1, ...settings, memorySize: 0, sinks: 0 });
    const [logits] = logitsOf(model, state, [ids]);
    for (let at = 0; at < ids.length; at += 4) {
      using fresh = model.newState({ rows: 1, segment: 10, window: 2 });
      const begin = Math.max(0, at - 6);
      const [expected] = logitsOf(model, fresh, [ids.slice(begin, at + 4)]);
      const actual = logits.subarray(at * vocabulary, (at + 4) * vocabulary);
      assertClose(actual, expected.subarray((at - begin) * vocabulary), 2e-5, `segment at ${at}`);
    }
  });
}

test("buffers grow as the text does, and roll when they are full", () => {
  using model = smallDecoder("llama");
  const ids = randomTokens(2700);
  const [once, rolled] = [2700, 300].map((segment) => {
    using state = model.newState({ rows: 1, segment, window: 2700, sinks: 0 });
    return logitsOf(model, state, [ids])[0];
  });
  assertClose(rolled, once, 1e-4, "logits");
});

test("documents one after the other: the earlier ones are in the memory, not in the window", () => {
  using model = smallDecoder("llama", { num_key_value_heads: 2 });
  const tokenizer = { byteLength: (id: number) => id + 1 };
  using state = model.newState({ rows: 1, ...settings, memorySize: 50, tokenizer });
  state.endDocument(); // of nothing
  state.sources[0].openDocument("a");
  logitsOf(model, state, [randomTokens(7)]);
  state.endDocument();
  assert.is(state.memories.get(0)!.length(0), 6, "all but the sink");
  state.sources[0].openDocument("b");
  logitsOf(model, state, [randomTokens(14)]);
  state.endDocument();
  assert.is(state.memories.get(0)!.length(0), 19, "each document has a sink of its own");
  assert.equal(
    [0, 5, 6, 18].map((slot) => state.sources[0].at(slot).document),
    [0, 0, 1, 1],
  );
  assert.equal(
    [0, 5, 6, 18].map((slot) => state.sources[0].at(slot).index),
    [1, 6, 1, 13],
  );
});

test("sinks appear at twice the window, but no farther than the model was trained to see", () => {
  using model = smallDecoder("llama", { max_position_embeddings: 1000 });
  const distances = [0, 1, 499, 500, 501, 900].map((window) => {
    return readingSettings(model.architecture, { window, segment: 10 }).sinkDistance;
  });
  assert.equal(distances, [0, 2, 998, 1000, 1000, 1000]);
  assert.is(readingSettings(model.architecture, { window: 900, sinkDistance: 1800 }).sinkDistance, 1800);
});

test("a state with a window of its own has the distance of sinks of that window", () => {
  const architecture = describe("llama", { max_position_embeddings: 1000 });
  const parameters = new Parameters(declareWeights(architecture));
  using model = new Decoder(architecture, new Weights(architecture, parameters), readingSettings(architecture));
  const distanceIn = (options: Partial<ReadingSettings>) => {
    const state = model.newState({ rows: 1, segment: 10, ...options });
    state.release();
    return state.settings.sinkDistance;
  };
  assert.is(distanceIn({}), 1000);
  assert.is(distanceIn({ window: 20 }), 40);
  assert.is(distanceIn({ window: 20, sinkDistance: 30 }), 30);
});

test("a restored memory is that of the state that read on, whatever the state had read before", () => {
  using model = smallDecoder("llama", { num_key_value_heads: 2 });
  const tokenizer = { byteLength: () => 1 };
  const options = { rows: 1, ...settings, memorySize: 9, tokenizer };
  using reading = model.newState(options);
  using other = model.newState(options);
  logitsOf(model, reading, [randomTokens(23)]);
  reading.endDocument();
  logitsOf(model, other, [randomTokens(31)]);
  other.endDocument();
  restoreSnapshot(other, 0, takeSnapshot(reading, 0));
  const ids = randomTokens(40);
  assert.equal([...logitsOf(model, other, [ids])[0]], [...logitsOf(model, reading, [ids])[0]]);
  assert.is(other.memories.get(0)!.appended(0), reading.memories.get(0)!.appended(0));
});

test("a state without a memory starts over with every document", () => {
  using model = smallDecoder("qwen2");
  using state = model.newState({ rows: 1, ...settings, memorySize: 0 });
  const ids = randomTokens(19);
  const [first] = logitsOf(model, state, [ids]);
  state.endDocument();
  assert.equal([...logitsOf(model, state, [ids])[0]], [...first]);
});

test("a memory of half floats differs a little", () => {
  using model = smallDecoder("llama");
  const ids = randomTokens(40);
  const [exact, rounded] = (["float32", "float16"] as const).map((memoryDtype) => {
    using state = model.newState({ rows: 1, ...settings, memoryDtype });
    return logitsOf(model, state, [ids])[0];
  });
  assertClose(rounded, exact, 0.02, "logits");
  assert.not.equal([...rounded], [...exact]);
});

test("only the heads that were chosen remember", () => {
  using model = smallDecoder("llama", { num_hidden_layers: 2 });
  using state = model.newState({ rows: 1, ...settings, memoryHeads: [[1, 0]] });
  assert.equal([...state.memories.keys()], [1]);
  assert.is(state.memories.get(1)!.heads, 1);
  const sentence = refusal(() => model.newState({ rows: 1, memoryHeads: [[2, 0]] }));
  assert.match(sentence, /layer 2, kv head 0 is given twice, or cannot have a memory/);
});

test("the offset of a memory gets the gradient that central differences show", () => {
  using model = smallDecoder("llama", { num_key_value_heads: 2 });
  const ids = randomTokens(16);
  const offset = model.parameters.get(offsetName(0));
  const read = <T>(use: (loss: ReturnType<typeof crossEntropy>["loss"]) => T): T => {
    using state = model.newState({ rows: 1, ...settings });
    logitsOf(model, state, [ids.slice(0, 12)]);
    return step(() => use(crossEntropy(model.forward({ ids: ids.slice(12) }, state), Int32Array.of(1, 2, 3, 4)).loss));
  };
  model.parameters.zeroGradients();
  read((loss) => backward(loss));
  const gradient = offset.grad!.toArray();
  const differences = Array.from(gradient, (_, head) => {
    const [above, below] = [0.05, -0.05].map((step) => {
      offset.set(Float32Array.from({ length: gradient.length }, (_, h) => (h === head ? step : 0)));
      return read((loss) => loss.item());
    });
    return (above - below) / 0.1;
  });
  assert.ok(gradient.some((g) => Math.abs(g) > 1e-3));
  assertClose(gradient, differences, 1e-4, "gradient");
});

test("impossible settings and input are refused", () => {
  using model = smallDecoder("gpt2", { n_positions: 12 });
  const huge = refusal(() => model.newState({ ...settings, rows: 16, memorySize: 2 ** 24 }));
  assert.match(huge, /a memory of 16777216 pairs needs/);
  assert.match(
    refusal(() => model.newState({ rows: 1, window: 10, segment: 4 })),
    /exceed the 12 positions of the model/,
  );
  assert.match(
    refusal(() => model.newState({ rows: 0 })),
    /rows/,
  );
  assert.match(
    refusal(() => model.newState({ rows: 1, neighbours: 0 })),
    /neighbours/,
  );
  using state = model.newState({ rows: 1, ...settings });
  assert.match(
    refusal(() => step(() => model.forward({ ids: new Int32Array(5) }, state))),
    /1 to 4 tokens/,
  );
  using other = smallDecoder("gpt2", { n_positions: 12 });
  assert.match(
    refusal(() => step(() => other.forward({ ids: new Int32Array(1) }, state))),
    /of another model/,
  );
});
