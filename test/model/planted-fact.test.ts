/**
 * A small version of the paper's case study. A name is defined once, and thousands of tokens later, when it occurs again, the
 * memory retrieves its definition. The test trains a model for it, on documents in which definitions are single tokens.
 */
import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { type Inspection, inspect } from "../../src/inspect/inspect.ts";
import { gainOf, summarize } from "../../src/inspect/inspection-summary.ts";
import { parseConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { InspectedText } from "../../src/report/inspected-text.ts";
import { inspectionTables } from "../../src/report/inspection-table.ts";
import { wholeNumber } from "../../src/report/progress.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { wordsOfTokens } from "../../src/text/words.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { suite } from "../harness.ts";
import { documentOf } from "../tiny.ts";

const test = suite("planted fact");

const fillers = [" and", " of", " the", " so", " then", " we", ".", ","];
const names = [" Zorb", " Quil", " Mave", " Brox", " Tiff", " Wump"];
const colours = [" red", " blue", " green", " grey"];
const definitions = names.flatMap((name) => colours.map((colour) => ` [${name.trim()} is${colour}]`));
const vocabulary = [...fillers, ...names, ...colours, ...definitions];
const idOf = (token: string) => vocabulary.indexOf(token);
const definitionOf = (name: string, colour: string) => ` [${name.trim()} is${colour}]`;

const tokenizer = Object.assign(byteTokenizer(), {
  bytes: (id: number) => new TextEncoder().encode(vocabulary[id]),
  byteLength: (id: number) => vocabulary[id].length,
});

/** Returns words and names. The first occurrence of a name is its definition; later ones are followed by its colour. */
function story(random: Random, length: number, known: ReadonlySet<string>): number[] {
  const pick = <T>(list: readonly T[]) => list[Math.floor(random.next() * list.length)];
  const colourOf = new Map<string, string>();
  const tokens: string[] = [];
  while (tokens.length < length) {
    const name = pick(names);
    const colour = colourOf.get(name);
    if (random.next() < 0.4) tokens.push(pick(fillers));
    else if (!known.has(name)) continue;
    else if (colour !== undefined) tokens.push(name, colour);
    else {
      colourOf.set(name, pick(colours));
      tokens.push(definitionOf(name, colourOf.get(name) ?? ""));
    }
  }
  return tokens.map(idOf);
}

test("a small example, written out: a name is defined by its first token, and has its colour behind it later", () => {
  const words = story(new Random(59), 6, new Set([" Quil", " Zorb"])).map((id) => vocabulary[id]);
  assert.equal(words, [" [Quil is green]", " of", " [Zorb is blue]", " the", " Zorb", " blue"]);
});

function trainedModel(): Transformer {
  const random = new Random(3);
  const documents = Array.from({ length: 400 }, (_, i) => documentOf(String(i), story(random, 72, new Set(names))));
  const config = {
    vocab_size: vocabulary.length,
    hidden_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    head_dim: 16,
    intermediate_size: 64,
    segment_length: 24,
    memory_layers: [0],
    memory_size: 256,
    attention_scale_init: 10,
  };
  const model = new Transformer(parseConfig(config, "test"), 2);
  const options = { steps: 400, batchSize: 16, learningRate: 0.01, warmupSteps: 20, attentionRate: 5 };
  const trainer = new Trainer(model, documents, options);
  while (!trainer.done) trainer.trainStep();
  trainer.release();
  return model;
}

/** Inspects a document: a definition, `distance` tokens without the name, and its use at the end. */
function inspectFact(model: Transformer, name: string, colour: string, distance: number): Promise<Inspection> {
  const others = new Set(names.filter((other) => other !== name));
  const between = story(new Random(9), distance, others);
  const ids = Int32Array.from([idOf(definitionOf(name, colour)), ...between, idOf(name), idOf(colour)]);
  return inspect(model, tokenizer, ids, { memorySize: 2 ** 13 });
}

test("a name defined once, thousands of tokens before, is retrieved by the most helpful head, and shown", async () => {
  const model = trainedModel();
  const gainOfLast = (inspection: Inspection) => gainOf(inspection, inspection.ids.length - 1);
  const facts = names.flatMap((name) => colours.map((colour) => ({ name, colour, gain: 0 })));
  for (const fact of facts) fact.gain = gainOfLast(await inspectFact(model, fact.name, fact.colour, 500));
  const learned = facts.filter(({ gain }) => gain > 1);
  assert.ok(learned.length >= facts.length / 4, `memory helps with ${learned.length} of ${facts.length} facts`);
  const { name, colour } = facts.reduce((best, fact) => (fact.gain > best.gain ? fact : best));

  const inspection = await inspectFact(model, name, colour, 5000);
  const last = inspection.ids.length - 1;
  assert.ok(gainOfLast(inspection) > 2, `gains ${gainOfLast(inspection)} nats`);

  // Close the memory of each head in turn: the loss is highest without the most helpful head.
  const gate = model.parameters.get("model.layers.0.self_attn.memory_gate");
  const open = gate.toArray();
  const losses = [];
  for (const head of open.keys()) {
    gate.set(open.map((value, other) => (other === head ? -30 : value)));
    losses.push((await inspectFact(model, name, colour, 5000)).nats[last]);
  }
  gate.set(open);
  const helpful = losses.indexOf(Math.max(...losses));
  const [best] = inspection.retrieved.list(last).filter(({ head }) => head === helpful);
  assert.is(best.token, 0, "the definition is the document's first token");
  assert.ok(best.weight > 0.3, `with weight ${best.weight}`);

  const text = new InspectedText(inspection, tokenizer);
  const summary = summarize(inspection, wordsOfTokens(text.texts), 0);
  const shown = inspectionTables(inspection, { ...summary, mostGained: [last] }, text);
  assert.match(shown, `from layer 0 head ${helpful}, line 1, ${wholeNumber(last - 1)} tokens back`);
  assert.match(shown, `[${definitionOf(name, colour)}]`);
});
