/** Shards that leave, or are asked nonsense: another has their segments, best effort goes on, or a sentence names what is missing. */
import * as assert from "uvu/assert";
import { step } from "../../../src/autodiff/tape.ts";
import { encodeAttending, encodeScoring, encodeTracing } from "../../../src/memory/served/protocol.ts";
import { suite } from "../../harness.ts";
import { refusal } from "../../refusal.ts";
import { Fleet } from "./fleet.ts";
import { fiveShards, same } from "./lookups.ts";

const test = suite("shards that leave");

test("a missing shard is an error that names its segment and file", () => {
  const { fleet, find } = fiveShards();
  const reader = fleet.reader();
  find(reader);
  fleet.shards.splice(2, 2);
  assert.is(
    refusal(() => find(reader)),
    'nobody at this test serves segment 2 (and 1 more) of the memory, pairs 4 to 5; run "memorizing memory serve a.safetensors --cluster this test", ' +
      "or go on without it with --best-effort",
  );
  assert.is(reader.searched, 1);
});

test("best effort goes on without it, says which share was searched, and takes it in when it is back", () => {
  const { fleet, find } = fiveShards();
  const reader = fleet.reader({ bestEffort: true });
  const whole = find(reader);
  assert.is(reader.searched, 1);
  const [lost] = fleet.shards.splice(1, 1);
  const rest = find(reader);
  assert.equal(
    rest.pairs,
    whole.pairs.filter((pair) => pair < 2 || pair > 3),
  );
  assert.equal([rest.counts, reader.searched], [[8], 0.8]);
  fleet.shards.push(lost);
  const query = Float32Array.of(1, 0, 0);
  reader.best(0, query, 1);
  assert.equal(fleet.wanted, ["0", "2", "3", "4"], "the missing one is not waited for, but answers");
  reader.best(0, query, 1);
  assert.equal(fleet.wanted, ["0", "1", "2", "3", "4"], "and is waited for again");
  same(find(reader), whole, "back");
  assert.is(reader.searched, 0.8, "the least share stays");
  fleet.shards = [];
  assert.equal(find(reader).counts, [0]);
  assert.is(reader.searched, 0);
});

test("a shard that leaves between the two rounds of a lookup: another one has its segments, or it is missing", () => {
  const { fleet, find, snapshot } = fiveShards();
  const twice = new Fleet(snapshot, 2).append(snapshot, 2, 2);
  const wanted = find(fleet.reader());
  const leaveAfterFirst = (some: Fleet) => {
    some.asked = 0;
    some.onAsk = () => {
      if (some.asked === 2) some.shards.pop();
    };
  };
  leaveAfterFirst(twice);
  same(find(twice.reader({ carried: 0 })), wanted, "the other one");
  leaveAfterFirst(fleet);
  assert.match(
    refusal(() => find(fleet.reader({ carried: 0 }))),
    "segment 4 of the memory",
  );
  const random = fiveShards();
  leaveAfterFirst(random.fleet);
  assert.equal(random.find(random.fleet.reader({ bestEffort: true, carried: 0 })).counts, [8]);
});

test("a shard answers nonsense with a sentence, and lives on", () => {
  const { fleet, find } = fiveShards();
  const [shard] = fleet.shards;
  const { length } = find(fleet.reader()).pairs;
  for (const bytes of [[], [1], [255, 255, 255, 255], [2, 0, 0, 0, 123, 125], [2, 0, 0, 0, 123, 125, 0]]) {
    const answer = new TextDecoder().decode(shard.answer(Uint8Array.from(bytes)));
    assert.match(answer, /"error":"/, `[${bytes}]`);
  }
  const scales = Float32Array.of(1);
  const attending = (layer: number, counts: number[], pairs: number[]) => {
    const retrieved = {
      counts: Int32Array.from(counts),
      pairs: Float64Array.from(pairs),
      scores: new Float32Array(pairs.length),
    };
    return encodeAttending({ layer, scales, retrieved });
  };
  const scoring = { layer: 0, from: 0, to: 9, topk: 1, values: true, queries: Float32Array.of(1, 0, 0) };
  const refused: [question: Uint8Array, sentence: string][] = [
    [attending(0, [2], [0]), "do not have the pairs"],
    [attending(0, [-1, 2], [0]), "do not have the pairs"],
    [attending(0, [...new Array(3000).fill(0), 20], new Array(20).fill(0)), "do not have the pairs"],
    [attending(0, [1], [9]), "not all of the pairs"],
    [attending(0, [1], [0.5]), "not all of the pairs"],
    [attending(7, [1], [0]), "layer 7 has no memory"],
    [encodeScoring({ ...scoring, layer: 7 }), "layer 7 has no memory"],
    [encodeScoring({ ...scoring, queries: Float32Array.of(1, 0) }), "queries must have 1 heads of width 3"],
    [encodeTracing({ segment: 0, from: 2, to: 1 }), "does not say where its pairs come from"],
  ];
  for (const [question, sentence] of refused) {
    assert.match(new TextDecoder().decode(step(() => shard.answer(question))), sentence);
  }
  assert.is(shard.answer(encodeTracing({ segment: 3, from: 0, to: 1 })), undefined, "it is another one's");
  assert.is(find(fleet.reader()).pairs.length, length);
});
