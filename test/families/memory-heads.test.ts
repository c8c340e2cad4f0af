/** Memories in chosen kv heads: what they compute, how users name them, and their files. */
import * as assert from "uvu/assert";
import { headsAt, type MemoryPlaces, parsePlaces, placesOf } from "../../src/families/memory-places.ts";
import { allMemoryHeads } from "../../src/families/reading-settings.ts";
import { offsetName } from "../../src/families/weights.ts";
import { decodeMemory, encodeMemory } from "../../src/memory/memory-file.ts";
import { mergeSnapshots, restoreSnapshot, takeSnapshot } from "../../src/memory/snapshot.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { describe } from "./golden-models.ts";
import { logitsOf, randomTokens, smallDecoder } from "./small-decoders.ts";

const test = suite("memories in chosen heads");

/** A window of 6, segments of 4, one sink, a memory of 19 pairs of which 3 are retrieved, distances up to 10. */
const settings = { rows: 1, window: 6, segment: 4, sinks: 1, memorySize: 19, neighbours: 3, reach: 10 };
const two = { num_hidden_layers: 2, num_key_value_heads: 2 };
/** Below every logit, so that what has this offset gets no weight at all. */
const NEVER = -1e30;

for (const family of ["llama", "gpt2"] as const) {
  const changes = family === "gpt2" ? { n_layer: 2, n_positions: 12 } : { ...two, max_position_embeddings: 12 };
  test(`${family}: one head that remembers is the whole in which the other heads' distant pairs have no weight, bit for bit`, () => {
    const ids = randomTokens(40);
    using model = smallDecoder(family, changes);
    const { heads, keyHeads, layers } = model.architecture;
    const offsets = Array.from({ length: layers }, (_, layer) => model.parameters.get(offsetName(layer)));
    using plain = model.newState({ ...settings, memorySize: 0 });
    const [without] = logitsOf(model, plain, [ids]);
    for (const [layer, head] of allMemoryHeads(model.architecture)) {
      for (const offset of offsets) offset.fill(0);
      using one = model.newState({ ...settings, memoryHeads: [[layer, head]] });
      assert.equal(
        [...one.memories].map(([at, memory]) => [at, memory.heads]),
        [[layer, 1]],
        "no other ring",
      );
      const [actual] = logitsOf(model, one, [ids]);
      assert.not.equal([...actual], [...without]);
      for (const [at, offset] of offsets.entries()) {
        const ownHead = (query: number) => at === layer && Math.floor((query * keyHeads) / heads) === head;
        offset.set(Array.from({ length: heads }, (_, query) => (ownHead(query) ? 0 : NEVER)));
      }
      using whole = model.newState(settings);
      assert.equal([...actual], [...logitsOf(model, whole, [ids])[0]], `layer ${layer}, head ${head}`);
    }
  });
}

test("heads in any order are the same heads", () => {
  using model = smallDecoder("llama", two);
  const [up, down] = [
    [
      [0, 0],
      [0, 1],
      [1, 1],
    ] as const,
    [
      [1, 1],
      [0, 1],
      [0, 0],
    ] as const,
  ].map((memoryHeads) => {
    using state = model.newState({ ...settings, memoryHeads });
    return logitsOf(model, state, [randomTokens(40)])[0];
  });
  assert.equal([...up], [...down]);
});

test("a memory of chosen heads goes through a file, and only into the same heads", () => {
  using model = smallDecoder("llama", two);
  const memoryHeads = [
    [0, 0],
    [0, 1],
    [1, 1],
  ] as const;
  using reading = model.newState({ ...settings, memoryHeads });
  logitsOf(model, reading, [randomTokens(23)]);
  reading.endDocument();
  const taken = takeSnapshot(reading, 0, "m");
  assert.equal([taken.heads, taken.chosen], [2, new Map([[1, [1]]])]);
  const read = decodeMemory(encodeMemory(taken), "the memory");
  assert.equal(read, { ...taken, sources: undefined });
  using restored = model.newState({ ...settings, memoryHeads });
  restoreSnapshot(restored, 0, read);
  const ids = randomTokens(30, 2);
  assert.equal([...logitsOf(model, restored, [ids])[0]], [...logitsOf(model, reading, [ids])[0]]);

  using other = model.newState({
    ...settings,
    memoryHeads: [
      [0, 0],
      [0, 1],
      [1, 0],
    ],
  });
  const sentence = refusal(() => restoreSnapshot(other, 0, read));
  assert.match(sentence, "has layers 0,1:1 with 2 heads of width 2, but layers 0,1:0 with 2 heads of width 2 should");
});

test("memories of the same chosen heads merge; those of others do not", () => {
  using model = smallDecoder("llama", two);
  const snapshotOf = (head: number, seed: number) => {
    using state = model.newState({ ...settings, memoryHeads: [[1, head]] });
    logitsOf(model, state, [randomTokens(12, seed)]);
    state.endDocument();
    return takeSnapshot(state, 0, "m");
  };
  const [first, second] = [snapshotOf(1, 1), snapshotOf(1, 2)];
  const merged = mergeSnapshots([first, second], 15);
  const keysOf = ({ layers }: typeof first) => [...layers.get(1)!.keys];
  assert.is(merged.length, 15);
  assert.equal(keysOf(merged), [...keysOf(first).slice(-4 * 2), ...keysOf(second)]);
  assert.match(
    refusal(() => mergeSnapshots([first, snapshotOf(0, 3)], 15)),
    "layers 1:0 with 2 heads",
  );
});

test("files that name impossible heads are refused", () => {
  const pairs = { keys: new Float32Array(4), values: new Float32Array(4) };
  const shape = { heads: 3, width: 2, size: 9, length: 2, appended: 2, sources: undefined };
  const snapshot = {
    name: "x",
    model: undefined,
    ...shape,
    layers: new Map([[5, pairs]]),
    chosen: new Map([[5, [2]]]),
  };
  assert.equal(decodeMemory(encodeMemory(snapshot), "x"), snapshot);
  const refused = (chosen: Map<number, number[]>) => refusal(() => encodeMemory({ ...snapshot, chosen }));
  assert.match(refused(new Map([[5, [3]]])), "layer 5 has no head 3");
  assert.match(refused(new Map([[4, [0]]])), "layer 4, which has no pairs");
  assert.match(refused(new Map([[5, [1, 0]]])), "ascending order");
  assert.match(refused(new Map([[5, []]])), "at least one");
  assert.match(refused(new Map([[5, [0, 1]]])), /keys|pairs/);
});

test("a small example, written out: 7,18:0,18:2 is all of layer 7 and two heads of layer 18", () => {
  const architecture = describe("llama", { num_hidden_layers: 19, num_key_value_heads: 2, num_attention_heads: 4 });
  assert.equal(parsePlaces("7,18:0,18:1", "x"), [7, [18, 0], [18, 1]]);
  assert.equal(headsAt(architecture, [[18, 1], 7]), [
    [7, 0],
    [7, 1],
    [18, 1],
  ]);
  assert.is(
    placesOf(architecture, [
      [18, 1],
      [7, 1],
      [7, 0],
    ]),
    "7,18:1",
  );
  assert.is(placesOf(architecture, headsAt(architecture, [2, [2, 1], 2])), "2");
  assert.equal(headsAt(architecture, "all"), allMemoryHeads(architecture));
  assert.equal(parsePlaces("all", "x"), "all");
  assert.equal(headsAt(architecture, parsePlaces("", "x")), []);
});

test("places that do not exist are refused in a sentence", () => {
  const architecture = describe("gemma3_text");
  const refused = (places: MemoryPlaces) => refusal(() => headsAt(architecture, places));
  assert.match(refused([9]), "there is no layer 9; the model has layers 0 to 1");
  assert.match(refused([[1, 7]]), /layer 1 has no kv head 7; a layer has the kv heads 0 to \d/);
  assert.match(refused([[0, 0]]), "layer 0 sees only 3 tokens by design");
  assert.match(refused("some" as "all"), '"all", or an array of layers');
  for (const text of ["a", "1:", ":1", "1:2:3", "1,,2", "-1", "1.5"]) {
    assert.match(
      refusal(() => parsePlaces(text, "--memory-layers")),
      "--memory-layers: ",
      text,
    );
  }
});
