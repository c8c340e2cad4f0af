/** Calibration on small decoders: shares of the gain, rankings, choices. */
import * as assert from "uvu/assert";
import { tensor } from "../../src/autodiff/tensor.ts";
import { type Choice, chooseHeads, shareOfGain } from "../../src/calibrate/choose-heads.ts";
import { type GainReading, gainShares } from "../../src/calibrate/gain-shares.ts";
import { measureSet } from "../../src/calibrate/measure-set.ts";
import { rankHeads } from "../../src/calibrate/rank-heads.ts";
import type { Decoder } from "../../src/families/decoder.ts";
import type { DecoderStateOptions } from "../../src/families/decoder-state.ts";
import { allMemoryHeads } from "../../src/families/reading-settings.ts";
import { offsetName } from "../../src/families/weights.ts";
import { randomTokens, smallDecoder } from "../families/small-decoders.ts";
import { suite } from "../harness.ts";

const test = suite("calibration");

const settings = { window: 6, segment: 4, sinks: 1, memorySize: 90, neighbours: 3, reach: 10 };

/** The result of a generator that yields counts of tokens, and the counts. */
function result<T>(work: Generator<number, T>): { value: T; counts: number[] } {
  const counts: number[] = [];
  for (;;) {
    const { done, value } = work.next();
    if (done) return { value, counts };
    counts.push(value);
  }
}

function readingOf(model: Decoder, lengths: readonly number[]): GainReading {
  const documents = lengths.map((length, seed) => ({ name: `${seed}`, tokens: () => randomTokens(length, seed + 1) }));
  return { documents, maxTokens: 60, settings: { ...settings, memoryHeads: allMemoryHeads(model.architecture) } };
}

test("in a model of one layer, where nothing remembered depends on a memory, the shares add up to the measured gain", () => {
  using model = smallDecoder("llama", { num_key_value_heads: 2, max_position_embeddings: 12 });
  const reading = readingOf(model, [57, 1, 43]);
  const { value: shares, counts } = result(gainShares(model, reading));
  const [without, all] = [[], allMemoryHeads(model.architecture)].map((heads) => {
    return result(measureSet(model, reading, heads)).value.loss;
  });
  const sum = shares.reduce((total, { gain }) => total + gain, 0);
  assert.ok(Math.abs(without - all) > 0.003, `${without} ${all}`);
  assert.ok(Math.abs(sum - (without - all)) < 0.05 * Math.abs(without - all) + 1e-4, `${sum} for ${without - all}`);
  assert.is(
    counts.reduce((total, count) => total + count, 0),
    3 * (56 + 42),
  );
});

test("a head whose memory has no weight has no share, and offsets are what they were", () => {
  using model = smallDecoder("llama", { num_key_value_heads: 2, num_hidden_layers: 2, max_position_embeddings: 12 });
  const offset = model.parameters.get(offsetName(1));
  const given = [0.5, -0.25, -1e30, -1e30];
  offset.set(given);
  const { value: shares } = result(gainShares(model, readingOf(model, [57])));
  const gains = new Map(shares.map(({ layer, head, gain }) => [`${layer}:${head}`, gain]));
  assert.ok(Math.abs(gains.get("1:1")!) < 1e-30);
  for (const place of ["0:0", "0:1", "1:0"]) assert.ok(Math.abs(gains.get(place)!) > 1e-5, place);
  assert.equal([...offset.toArray()], [...Float32Array.from(given)]);
  assert.is(offset.requiresGrad, true);
  assert.equal([...offset.grad!.toArray()], [0, 0, 0, 0], "gradients are no one else's either");
});

test("a ranking has every head once, and rounds compare only those that are left", () => {
  using model = smallDecoder("llama", { num_key_value_heads: 2, num_hidden_layers: 3, max_position_embeddings: 12 });
  const reading = readingOf(model, [57]);
  const once = result(rankHeads(model, reading, 1));
  const thrice = result(rankHeads(model, reading, 3));
  for (const { heads } of [once.value, thrice.value]) {
    const places = heads.map(({ layer, head }) => `${layer}:${head}`).sort();
    assert.equal(places, ["0:0", "0:1", "1:0", "1:1", "2:0", "2:1"]);
  }
  const gains = once.value.heads.map(({ gain }) => gain);
  assert.equal(
    gains,
    gains.toSorted((a, b) => b - a),
  );
  assert.equal(thrice.value.heads.map(({ gain }) => gain).sort(), gains.sort(), "gains are those among all heads");
  assert.is(thrice.counts.length, 3 * once.counts.length);
});

test("a choice keeps the share that was asked for, with as few of the best heads as were measured to do", () => {
  using model = smallDecoder("llama", { num_key_value_heads: 4, num_hidden_layers: 3, max_position_embeddings: 12 });
  const reading = readingOf(model, [57, 50]);
  const ranking = result(rankHeads(model, reading, 2)).value;
  const choose = (budget: Parameters<typeof chooseHeads>[3]): Choice =>
    result(chooseHeads(model, ranking, reading, budget)).value;
  const { sets, chosen } = choose({ share: 0.5 });
  assert.equal(
    sets.map(({ heads }) => heads.length),
    [0, 1, 2, 4, 12],
  );
  if (sets[4].loss < sets[0].loss) assert.ok(shareOfGain(chosen, sets) >= 0.5);
  else assert.is(chosen.loss, Math.min(...sets.map(({ loss }) => loss)));
  assert.is(shareOfGain(sets[0], sets), 0);
  assert.is(shareOfGain(sets[4], sets), 1);
  for (const { heads, bytesPerToken } of sets) assert.is(bytesPerToken, heads.length * 2 * 2 * 4);
  const names = ranking.heads.map(({ layer, head }) => `${layer},${head}`);
  assert.equal(sets[2].heads.map(String), names.slice(0, 2));

  const paid = choose({ bytesPerToken: 3 * 16 + 15 }).chosen;
  assert.equal(paid.heads.map(String), names.slice(0, 3));
  assert.is(choose({ bytesPerToken: 1e6 }).chosen.heads.length, 12);
  assert.is(choose({ bytesPerToken: 0 }).chosen.heads.length, 0);
  assert.is(choose({ bytesPerToken: 1e6 }).neighbours, settings.neighbours, "what was measured with is what is kept");
});

/** A decoder of nine layers with ten kv heads whose loss is known: it falls with the heads that remember, and a little less so with eight neighbours. */
function knownDecoder(): Decoder {
  const [layers, keyHeads] = [9, 10];
  const lossOf = (heads: number, neighbours: number) => {
    const gain = (1 - Math.exp(-heads / 9)) / (1 - Math.exp(-10));
    return 2 - gain * (neighbours === 8 ? 0.992 : 1);
  };
  const positions = { kind: "learned", rows: 4096 };
  const sizes = { layers, keyHeads, heads: keyHeads, headWidth: 8, context: 4096, positions };
  return {
    architecture: { ...sizes, windows: new Array(layers).fill(null) },
    newState: ({ memorySize, memoryHeads, neighbours = 32 }: DecoderStateOptions) => ({
      settings: { memoryDtype: "float32" },
      segmentLength: 256,
      loss: lossOf(memorySize === 0 ? 0 : (memoryHeads?.length ?? 0), neighbours),
      begin() {},
      release() {},
    }),
    forward({ ids }: { ids: Int32Array }, { loss }: { loss: number }) {
      const p = Math.exp(-loss);
      return tensor(Array.from(ids, () => [Math.log(p), Math.log(1 - p)]).flat(), [1, ids.length, 2]);
    },
  } as unknown as Decoder;
}

test("fewer neighbours are chosen only where the set still keeps what was asked for", () => {
  const model = knownDecoder();
  const heads = allMemoryHeads(model.architecture).map(([layer, head]) => ({ layer, head, gain: 1 }));
  const documents = [{ name: "known", tokens: () => new Int32Array(1025) }];
  const choices = [0.5, 0.6, 0.63, 0.75, 0.8, 0.9].map((share) => {
    const { chosen, sets, neighbours } = result(
      chooseHeads(model, { heads }, { documents, maxTokens: 1024, settings: {} }, { share }),
    ).value;
    assert.ok(shareOfGain(chosen, sets) >= share, `${share}`);
    return neighbours;
  });
  assert.ok(choices.includes(8) && choices.includes(undefined), `${choices}`);
});
