/** Documents read for the memories alone: memories have the bits that reading everything leaves, for less work. */
import * as assert from "uvu/assert";
import { noGrad, step, tape } from "../../src/autodiff/tape.ts";
import { takeSnapshot } from "../../src/memory/snapshot.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { memorizeDocument, readDocument } from "../../src/model/generate.ts";
import { Transformer } from "../../src/model/transformer.ts";
import type { LanguageModel, ReadingState, StateOptions } from "../../src/nn/language-model.ts";
import type { SegmentInput } from "../../src/nn/segment.ts";
import { smallDecoder } from "../families/small-decoders.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("documents read for the memories alone");

/** Of lengths around the segment's, and empty. */
const lengths = [1, 6, 7, 8, 40, 0, 23];

/** What the state remembers, and predicts of a last document. */
async function outcome(
  model: LanguageModel,
  options: StateOptions,
  read: typeof readDocument,
  vocabulary: number,
): Promise<unknown[]> {
  const state = model.newState(options);
  for (const document of randomDocuments(lengths)) {
    await read(
      model,
      state,
      document.tokens().map((id) => id % vocabulary),
      { name: document.name },
    );
    state.endDocument();
  }
  const { layers, appended } = takeSnapshot(state, 0);
  const ids = Int32Array.of(3, 1, 2);
  const logits = step(() => noGrad(() => model.forward({ ids }, state).toArray()));
  state.release();
  return [appended, [...layers], logits];
}

async function assertSame(model: LanguageModel, options: StateOptions, vocabulary: number): Promise<void> {
  const [alone, whole] = [
    await outcome(model, options, memorizeDocument, vocabulary),
    await outcome(model, options, readDocument, vocabulary),
  ];
  assert.equal(alone, whole);
}

const shapes: Readonly<Record<string, Partial<ModelConfig>>> = {
  "a memory in the last layer": {},
  "a memory in the first layer": { memory_layers: [0] },
  "two memories, and layers behind them": { num_hidden_layers: 4, memory_layers: [0, 2] },
  "smeared keys in all layers, and votes": { num_hidden_layers: 3, smear_keys: "all", memory_copy: true },
  "a cache": { num_hidden_layers: 3, xl_cache_length: 9 },
  "a mechanism": { num_hidden_layers: 3, mechanism: "window" },
};
for (const [title, changes] of Object.entries(shapes)) {
  test(`${title}: the same memory and predictions to the bit`, async () => {
    using model = new Transformer(tinyConfig(changes), 1);
    await assertSame(model, { rows: 1, memorySize: 33 }, 256);
  });
}

const reading = { window: 6, segment: 4, sinks: 1, memorySize: 19, neighbours: 3, reach: 10 };
/** Three layers, but for Gemma, whose kinds of layers are listed. */
const changesOf = (family: string) => {
  if (family === "gpt2") return { n_positions: 12, n_layer: 3 };
  return { max_position_embeddings: 12, ...(family !== "gemma3_text" && { num_hidden_layers: 3 }) };
};
for (const family of ["gpt2", "gpt_neox", "llama", "qwen3", "gemma3_text"] as const) {
  test(`${family}: the same memory and predictions to the bit, with layers behind the memory and without`, async () => {
    using model = smallDecoder(family, changesOf(family));
    assert.ok(family === "gemma3_text" || model.architecture.layers === 3);
    const { layers, vocabulary, windows } = model.architecture;
    const sees = Array.from({ length: layers }, (_, layer) => layer).filter((layer) => windows[layer] === null);
    for (const last of sees) {
      const memoryHeads = sees.filter((layer) => layer <= last).map((layer): [number, number] => [layer, 0]);
      await assertSame(model, { rows: 1, ...reading, memoryHeads } as StateOptions, vocabulary);
    }
  });
}

test("layers behind the memory are not computed, and nothing is looked up in it", () => {
  using model = new Transformer(tinyConfig({ num_hidden_layers: 3, memory_layers: [1] }), 1);
  using state = model.newState({ rows: 1, memorySize: 33 });
  const opsOf = (read: (state: ReadingState) => void) => {
    const ids = new Int32Array(7);
    step(() => noGrad(() => model.hidden({ ids }, state)));
    return step(() => {
      read(state);
      return tape().map(({ op }) => op);
    });
  };
  const ids = new Int32Array(7);
  const whole = opsOf(() => noGrad(() => model.hidden({ ids }, state)));
  const alone = opsOf(() => model.memorize({ ids }, state));
  assert.ok(whole.includes("lookup") && !alone.includes("lookup"), alone.join());
  assert.is(alone.filter((op) => op === "attention").length, 1, "the first of three layers");
});

test("what a layer behind the memory left in its context does not matter", () => {
  using model = smallDecoder("llama", { num_hidden_layers: 2 });
  const memoryHeads: [number, number][] = [[0, 0]];
  using state = model.newState({ rows: 1, ...reading, memoryHeads });
  const name = model.parameters.names().find((each) => each === "layers.1.k.weight");
  model.parameters.get(name ?? "").fill(Number.NaN);
  const input = { ids: Int32Array.of(1, 2) };
  assert.throws(() => step(() => noGrad(() => model.hidden(input, state))), /layer 1 are not finite/);
  step(() => model.memorize(input, state));
});

test("a document read so must end before anything is predicted or saved", () => {
  using transformer = new Transformer(tinyConfig(), 1);
  using decoder = smallDecoder("llama");
  for (const model of [transformer, decoder]) {
    using state = model.newState({ rows: 1, memorySize: 33 });
    const input = { ids: Int32Array.of(1) };
    step(() => model.memorize(input, state as never));
    const sentence = "this document was read for the memories alone; end it with endDocument() first";
    assert.is(
      refusal(() => step(() => model.hidden(input, state as never))),
      sentence,
    );
    assert.is(
      refusal(() => state.save()),
      sentence,
    );
    step(() => model.memorize(input, state as never));
    state.endDocument();
    step(() => noGrad(() => model.hidden(input, state as never)));
    state.save();
  }
});

for (const [name, model] of [
  ["of this program", new Transformer(tinyConfig({ vocab_size: 16, memory_layers: [0] }), 1)],
  ["that others trained", smallDecoder("llama")],
] as [string, LanguageModel][]) {
  test(`a model ${name}: a call that is refused changes nothing, and memorizing begins with what was memorized`, () => {
    const state = model.newState({ rows: 1, memorySize: 9 });
    const room = state.room;
    const segment = Int32Array.from({ length: room }, (_, i) => i % 7);
    const read = (input: SegmentInput) => step(() => noGrad(() => model.forward(input, state).toArray()));
    const remembered = () => [...state.memories.values()].map((memory) => memory.length(0));
    for (let times = 0; times < 4; times++) read({ ids: segment });
    const before = remembered();
    const unknown = Int32Array.of(1, 9999);
    for (const call of [read, (input: SegmentInput) => step(() => model.memorize(input, state))]) {
      assert.match(
        refusal(() => call({ ids: unknown, starts: [1] })),
        "token id 9999 is not in the vocabulary",
      );
      assert.equal(remembered(), before);
    }
    read({ ids: Int32Array.of(1) }); // within a segment, so that no document may begin
    assert.match(
      refusal(() => step(() => model.memorize({ ids: Int32Array.of(1), starts: [1] }, state))),
      "a document can begin only where a segment begins",
    );
    read({ ids: Int32Array.of(2) });
    step(() => model.memorize({ ids: Int32Array.of(3) }, state));
    assert.match(
      refusal(() => read({ ids: Int32Array.of(3) })),
      "was read for the memories alone",
    );
    state.release();
  });
}
