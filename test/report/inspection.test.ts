import * as assert from "uvu/assert";
import { inspect } from "../../src/inspect/inspect.ts";
import { gainOf, summarize } from "../../src/inspect/inspection-summary.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Reader } from "../../src/reader.ts";
import { InspectedText } from "../../src/report/inspected-text.ts";
import { inspectionJson } from "../../src/report/inspection-json.ts";
import { inspectionTables } from "../../src/report/inspection-table.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { wordsOfTokens } from "../../src/text/words.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("reports of an inspection");

const bytes = byteTokenizer();
const model = new Transformer(tinyConfig({ memory_gate_init: 1 }), 1);

async function inspected(document: string) {
  const reader = new Reader(model, bytes, { memorySize: 40 });
  await reader.read("read before\n", { name: "earlier.md" });
  const inspection = await inspect(model, bytes, bytes.encode(document), { known: reader.snapshot(), name: "mine.md" });
  reader.release();
  const text = new InspectedText(inspection, bytes);
  return { inspection, text, summary: summarize(inspection, wordsOfTokens(text.texts), 3) };
}

test("a small example, written out: the bytes of To are 84 and 111, and the first is not predicted", async () => {
  const { inspection, text, summary } = await inspected("To");
  const { tokens } = JSON.parse([...inspectionJson(inspection, summary, text)].join(""));
  assert.equal(
    tokens.map(({ index, id, text }: Record<string, unknown>) => [index, id, text]),
    [
      [0, 84, "T"],
      [1, 111, "o"],
    ],
  );
  assert.is(summary.all.tokens, 1);
});

for (const length of [2, 255, 256, 257, 513]) {
  test(`the JSON of ${length} tokens is one document with everything about each of them`, async () => {
    const { inspection, text, summary } = await inspected("To be, or 2 not\n".repeat(40).slice(0, length));
    const json = JSON.parse([...inspectionJson(inspection, summary, text)].join(""));
    assert.equal([json.document, json.memory, json.tokens.length], ["mine.md", 40, length]);
    assert.equal(json.kinds, summary.kinds);
    for (const [i, token] of json.tokens.entries()) {
      assert.equal([token.index, token.id, token.text], [i, inspection.ids[i], text.text(i)]);
      assert.ok(Math.abs(token.natsWithout - token.nats - gainOf(inspection, i)) < 1e-5);
      assert.is(token.gates.length, 2);
      assert.equal(
        token.retrieved.map((pair: { index: number }) => pair.index),
        inspection.retrieved.list(i).map((pair) => pair.token),
      );
    }
    const [pair] = json.tokens[1].retrieved;
    assert.equal(Object.keys(pair), ["layer", "head", "document", "index", "text", "line", "score", "weight", "share"]);
    assert.is(pair.document, "earlier.md");
  });
}

test("the tables show sums and the tokens that gained most, with their retrieved pairs", async () => {
  const { inspection, text, summary } = await inspected("To be, or 2 not\n".repeat(4));
  const table = inspectionTables(inspection, summary, text);
  assert.match(table, /perplexity [\d.]+ without memory, [\d.]+ with 40 \(.* %\), over the same 63 tokens/);
  assert.match(table, /\n {4}punctuation +4 +\d\.\d{3} +\d\.\d{3} +[+−]\d\.\d{3}\n/);
  assert.match(table, /\n {2}retrieved from\n {4}(mine|earlier)\.md +\d+\.\d %\n/);
  assert.is(table.match(/^ {4}from layer 1 head [01], /gm)?.length, 3);
});

test("a document's control characters do not reach the terminal", async () => {
  const { inspection, text, summary } = await inspected("\x1b[2J\x07\r\t\x9b".repeat(9));
  const table = inspectionTables(inspection, summary, text);
  assert.not.match(table.replaceAll("\n", ""), /\p{Cc}/u);
});

test("an inspection that retrieved nothing says why, in place of empty lists", async () => {
  const { inspection, text, summary } = await inspected("To be\n".repeat(4));
  const table = inspectionTables(inspection, { ...summary, documents: [], mostGained: [] }, text);
  assert.match(table, /Nothing was retrieved: the memory was empty/);
  assert.not.match(table, /retrieved from|gained most/);
});
