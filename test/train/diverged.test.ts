/** Models with weights that are too large: their perplexity is larger than any float, or NaN. */
import * as assert from "uvu/assert";
import { perplexityOf } from "../../src/base/perplexity.ts";
import { parseJson } from "../../src/formats/json.ts";
import { inspect } from "../../src/inspect/inspect.ts";
import { summarize } from "../../src/inspect/inspection-summary.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Reader } from "../../src/reader.ts";
import { InspectedText } from "../../src/report/inspected-text.ts";
import { inspectionTables } from "../../src/report/inspection-table.ts";
import { memoryTable } from "../../src/report/memory-table.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { wordsOfTokens } from "../../src/text/words.ts";
import { evaluate } from "../../src/train/evaluate.ts";
import { suite } from "../harness.ts";
import { documentOf, tinyConfig } from "../tiny.ts";

const test = suite("diverged models");

const bytes = byteTokenizer();
const TEXT = "one fish, two fish, red fish, blue fish";
const documents = [documentOf("fish.txt", bytes.encode(TEXT))];

/** A model that multiplies its last activations by `factor`. */
function modelOf(factor: number): Transformer {
  const model = new Transformer(tinyConfig({ memory_gate_init: 1 }), 1);
  const { size } = model.parameters.get("model.norm.weight");
  model.parameters.get("model.norm.weight").set(new Float32Array(size).fill(factor));
  return model;
}

test("a small example, written out: a perplexity is exp of the mean loss, if that is finite", () => {
  assert.is(perplexityOf(0), 1);
  assert.ok(Math.abs(perplexityOf(Math.log(50)) - 50) < 1e-9);
  assert.is(perplexityOf(710), Number.MAX_VALUE);
  assert.ok(Number.isNaN(perplexityOf(Number.NaN)), "NaN stays NaN");
});

test("a perplexity beyond the largest number becomes that number, which can be written and read", () => {
  const result = evaluate(modelOf(1e6), documents, bytes, { memorySizes: [0, 17] });
  for (const { perplexity, bits_per_byte } of result.results) {
    assert.is(perplexity, Number.MAX_VALUE);
    assert.ok(bits_per_byte > 1000 && Number.isFinite(bits_per_byte));
  }
  assert.equal(parseJson(JSON.stringify(result), "the result"), result);
});

test("the table compares such perplexities by their losses", () => {
  const { results, ...rest } = evaluate(modelOf(1e6), documents, bytes, { memorySizes: [0] });
  const [first] = results;
  const nats = first.nats + Math.log(2) * rest.tokens;
  const table = memoryTable({ ...rest, results: [first, { ...first, memory: 17, nats }, { ...first, nats: 0 }] });
  assert.match(table, /\+100\.0 %\n.*−100\.0 %\n/);
  assert.not.match(table, /NaN|Infinity/);
});

test("an inspection does not print NaN", async () => {
  const inspection = await inspect(modelOf(1e6), bytes, bytes.encode(TEXT), { name: "fish.txt" });
  const text = new InspectedText(inspection, bytes);
  const tables = inspectionTables(inspection, summarize(inspection, wordsOfTokens(text.texts), 3), text);
  assert.not.match(tables, /NaN|Infinity/);
});

test("predictions that are not finite are refused by evaluation, generation and inspection", async () => {
  const model = modelOf(3e38);
  const reader = new Reader(model, bytes);
  const writing = async () => {
    for await (const _ of reader.generate("fish", { tokens: 2 }));
  };
  const attempts: (() => unknown)[] = [
    () => evaluate(model, documents, bytes, { memorySizes: [17] }),
    () => reader.perplexity(TEXT),
    () => inspect(model, bytes, bytes.encode(TEXT)),
    writing,
  ];
  for (const attempt of attempts) {
    const message = await new Promise((resolve) => resolve(attempt())).then(
      () => "nothing",
      (error) => error.message,
    );
    assert.is(message, "the model's predictions are not finite numbers: its weights are too large, or damaged");
  }
});
