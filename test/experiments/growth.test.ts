import * as assert from "uvu/assert";
import { growth } from "../../src/experiments/growth.ts";
import type { TrainedCell } from "../../src/experiments/lab/experiment.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { suite } from "../harness.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";

const test = suite("growth");

/** Measures the cell that trains with a memory of 2,048 on documents of these lengths. */
async function measured(lengths: readonly number[], evalTokens: number) {
  const cell = growth.cells.find(({ name, measure }) => name.includes("2048") && measure !== undefined);
  const model = new Transformer(tinyConfig(), 1);
  const documents = randomDocuments(lengths);
  const corpus = { name: "letters", tokenizer: byteTokenizer(), train: [], valid: [], test: documents, names: [] };
  const trained: TrainedCell = { model, directory: "", artifacts: "", corpus, evalTokens };
  const { numbers } = (await cell?.measure?.(trained)) ?? {};
  model.release();
  return numbers;
}

test("a small example, written out: documents of 40 and 9 tokens have 39 and 8 predictions, none changed by a larger memory", async () => {
  assert.equal(await measured([40, 9], 1000), { compared: 47, changed: 0 });
});

test("no token beyond the old memory's end is compared", async () => {
  assert.equal(await measured([2500], 3000), { compared: 2048, changed: 0 });
  assert.equal(await measured([2500], 20), { compared: 20, changed: 0 });
});
