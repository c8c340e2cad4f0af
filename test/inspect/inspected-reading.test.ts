import * as assert from "uvu/assert";
import { inspect } from "../../src/inspect/inspect.ts";
import { InspectedReading } from "../../src/inspect/inspected-reading.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("inspected reading");

const bytes = byteTokenizer();
const [ids] = randomDocuments([93]).map((document) => document.tokens());
const model = new Transformer(tinyConfig({ memory_gate_init: 1 }), 1);

/** Reads to the end. */
function complete(reading: InspectedReading): InspectedReading {
  while (!reading.complete) reading.advance();
  reading.release();
  return reading;
}

test("a small example, written out: ten tokens in segments of 7", () => {
  const reading = new InspectedReading(model, bytes, ids.subarray(0, 10));
  const steps = [reading.done];
  while (!reading.complete) {
    reading.advance();
    steps.push(reading.done);
  }
  reading.advance();
  assert.equal([...steps, reading.done], [0, 7, 9, 9]);
  assert.equal([reading.nats.length, reading.nats[0], reading.nats.every((nats) => nats >= 0)], [10, 0, true]);
  reading.release();
});

test("two readings side by side are an inspection, bit for bit", async () => {
  const expected = await inspect(model, bytes, ids, { memorySize: 17 });
  const [remembering, forgetful] = [17, 0].map((memorySize) => new InspectedReading(model, bytes, ids, { memorySize }));
  while (!remembering.complete) for (const reading of [remembering, forgetful]) reading.advance();
  for (const reading of [remembering, forgetful]) reading.release();
  assert.equal([remembering.nats, forgetful.nats], [expected.nats, expected.natsWithout]);
  assert.equal(remembering.retrievals?.gates, expected.gates);
  for (const token of ids.keys()) {
    assert.equal(remembering.retrievals?.retrieved.list(token), expected.retrieved.list(token));
  }
  assert.equal([remembering.memorySize, forgetful.memorySize, forgetful.retrievals], [17, 0, undefined]);
});

test("a memory that holds the whole document finds what a larger one finds, bit for bit", () => {
  const [enough, more] = [ids.length, 500].map((memorySize) =>
    complete(new InspectedReading(model, bytes, ids, { memorySize })),
  );
  assert.equal(enough.nats, more.nats);
});

test("its memory is given back, also when it cannot begin", () => {
  const before = heap.bytesInUse;
  complete(new InspectedReading(model, bytes, ids));
  assert.is(heap.bytesInUse, before);
});

test("what cannot be read is refused, and so is reading on after the release", () => {
  const say = (tokens: Int32Array, options = {}) => refusal(() => new InspectedReading(model, bytes, tokens, options));
  assert.is(say(ids.subarray(0, 1)), "a document of 1 token has nothing to predict or inspect");
  assert.match(say(ids, { tpo: 3 }), /reading options: unknown key "tpo"; did you mean top\?/);
  const reading = new InspectedReading(model, bytes, ids);
  reading.release();
  reading.release();
  assert.throws(() => reading.advance(), /this InspectedReading was released/);
});
