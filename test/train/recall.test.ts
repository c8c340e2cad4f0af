/** The recall of a model's searches, measured on its own queries and keys. */
import * as assert from "uvu/assert";
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { evaluate } from "../../src/train/evaluate.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("recall");

const lengths = [150, 1, 23, 8, 0, 90];
const documents = randomDocuments(lengths);

function run(config: Partial<ModelConfig>, options: { recall: boolean; memorySizes?: number[]; rows?: number }) {
  const model = new Transformer(tinyConfig({ memory_gate_init: 1, ...config }), 1);
  const { results } = evaluate(model, documents, byteTokenizer(), { memorySizes: [60], ...options });
  model.parameters.release();
  return results;
}

/** Returns the recall of the only memory layer. */
function measured(config: Partial<ModelConfig>, rows = 1) {
  const [layer, ...others] = run(config, { recall: true, rows })[0].recall ?? [];
  assert.is(others.length, 0);
  return layer;
}

test("a small example, written out: of 9 queries only the 2 after the first segment of 7 retrieve, in each of 2 heads", () => {
  const model = new Transformer(tinyConfig({ memory_search: "exact" }), 1);
  const { results } = evaluate(model, randomDocuments([10]), byteTokenizer(), { memorySizes: [60], recall: true });
  assert.equal(results[0].recall, [{ layer: 1, queries: 4, recall: 1 }]);
  model.release();
});

test("exact search finds all neighbours, and so does quantised search, with few fall-backs", () => {
  const exact = measured({ memory_search: "exact" });
  assert.is(exact.recall, 1);
  assert.is(exact.fallbacks, undefined);
  const { recall, fallbacks = -1 } = measured({ memory_search: "quantised" });
  assert.is(recall, 1);
  assert.ok(fallbacks >= 0 && fallbacks < 0.01, `${fallbacks}`);
});

test("queries that quantised search cannot bound all fall back", () => {
  const { recall, fallbacks } = measured({ memory_search: "quantised", memory_topk: 1000 });
  assert.is(recall, 1);
  assert.is(fallbacks, 1);
});

test("probing more lists finds more neighbours", () => {
  const of = (memory_probes: number) => measured({ memory_search: "inverted", memory_lists: 5, memory_probes }).recall;
  const [one, three, all] = [of(1), of(3), of(5)];
  assert.ok(0.2 < one && one < three && three < 1, `${one}, ${three}`);
  assert.is(all, 1);
});

test("only queries with stored pairs count, without padding", () => {
  const { segment_length: segment, num_attention_heads: heads } = tinyConfig();
  const expected = lengths.reduce((sum, length) => sum + Math.max(0, length - 1 - segment), 0) * heads;
  assert.is(measured({}).queries, expected);
  assert.is(measured({}, 4).queries, expected);
});

test("measuring does not change predictions, and frees its allocations", () => {
  const before = heap.bytesInUse;
  const config = { memory_search: "inverted", memory_lists: 5, memory_probes: 1 } as const;
  const [{ recall, ...watched }] = run(config, { recall: true });
  assert.ok(recall);
  assert.equal(run(config, { recall: false }), [watched]);
  assert.is(heap.bytesInUse, before);
});

test("a memory of 0 has no recall", () => {
  const [none, some] = run({}, { recall: true, memorySizes: [0, 9] });
  assert.is(none.recall, undefined);
  assert.is(some.recall?.length, 1);
});
