/** Table 4: the gain from seeing further, with a longer segment, a Transformer-XL cache or a memory. */
import type { Finding, ReportChart, ReportTable } from "../report/experiment-report.ts";
import { both, bothOf, cache, memory, memoryOf, nothing } from "./lab/compared.ts";
import type { Cell, Experiment } from "./lab/experiment.ts";
import { EVAL_TOKENS, induction, MEMORY, recipeTraining, seeded, XL_CACHE } from "./lab/recipe.ts";
import { drawn, knownOf, lineOf, lowerBy, perplexityTable, perplexityText, UNKNOWN } from "./lab/reporting.ts";
import type { Results } from "./lab/results.ts";
import { seedSpreads, seedTable } from "./lab/seeds.ts";

const SIZES = [MEMORY, 8192, 32768];

/** Four times the context in a quarter of the rows, so a step reads the same number of tokens. It looks back as the cache's model does. */
const long: Cell = {
  ...induction({ ...nothing, name: "long-512", config: { segment_length: 512 } }),
  label: "segments of 512",
  training: { batchSize: (recipeTraining.batchSize ?? 8) / 4 },
};

/** Each with its seeds. */
const families: readonly (readonly Cell[])[] = [nothing, cache, both].map((cell) => [cell, ...seeded(cell)]);
const compared: readonly Cell[] = [nothing, long, cache, ...SIZES.map(memoryOf), ...SIZES.map(bothOf)];

/** Targets: how far a memory of 2,048 + XL should be below plain, and below XL; 0 if only the order is expected. */
const EXPECTED: Readonly<Record<string, readonly [belowPlain: number, belowXl: number]>> = {
  math: [0.2, 0.07],
  code: [0.12, 0.04],
  proofs: [0.12, 0.04],
};

export const context: Experiment = {
  name: "context",
  summary: "none, XL cache, memories, memory + XL, longer segments",
  title: "What further context is worth",
  paper:
    "The paper's Table 4: memory + XL is best; 8K of memory do as much as a segment or a cache four times as long.",
  cells: [...compared, ...families.flatMap((family) => family.slice(1))],
  evalTokens: EVAL_TOKENS,
  report: (results) => ({
    question:
      "Models of equal size, trained on equally many tokens, differ in what they see besides their segment of 128: how well do they " +
      "predict long documents that are new to them? Heads of the third layer have smeared keys and begin as induction heads, all but the plain " +
      "model's. Memories have the paper's gate, and their pairs vote.",
    findings: results.corpora.flatMap((corpus) => findings(results, corpus)),
    parts: [
      perplexityTable("Test perplexity", results, compared, nothing.name),
      perplexityWithoutMemory(results),
      ...results.corpora.flatMap((corpus) => seedTable(`Three seeds on ${corpus}`, results, corpus, families) ?? []),
      ...results.corpora.map((corpus) => chart(results, corpus)),
      paperTable,
    ],
  }),
};

function findings(results: Results, corpus: string): Finding[] {
  const [belowPlain, belowXl] = EXPECTED[corpus] ?? [0, 0];
  return [
    lowerBy(results, corpus, cache.name, nothing.name, 0),
    lowerBy(results, corpus, memory.name, nothing.name, 0),
    lowerBy(results, corpus, both.name, nothing.name, belowPlain),
    lowerBy(results, corpus, both.name, cache.name, belowXl),
    bestOfAll(results, corpus),
    moreThanLuck(results, corpus),
  ];
}

function bestOfAll(results: Results, corpus: string): Finding {
  const lowest = lowestOf(results, corpus, compared);
  const complete = compared.every(({ name }) => results.cell(corpus, name) !== undefined);
  return {
    claim: `${corpus}: of all, one with memory and XL cache is the best`,
    found: complete ? `${lowest.name}, ${perplexityText(results.perplexity(corpus, lowest.name))}` : UNKNOWN,
    holds: complete ? hasBoth(lowest) : undefined,
  };
}

/** Claims that what the memory gains over an XL cache, on average, is more than either's seeds differ by. */
function moreThanLuck(results: Results, corpus: string): Finding {
  const [, ofCache, ofBoth] = seedSpreads(results, corpus, families);
  const gain = ofCache.mean - ofBoth.mean;
  const spread = Math.max(ofCache.spread ?? Number.NaN, ofBoth.spread ?? Number.NaN);
  const known = !Number.isNaN(gain - spread);
  return {
    claim: `${corpus}: three seeds of ${cache.name} and of ${both.name} differ by less than their means do`,
    found: known ? `seeds by ${spread.toFixed(3)} at most, means by ${gain.toFixed(3)}` : UNKNOWN,
    holds: known ? spread < gain : undefined,
  };
}

function hasBoth({ config = {} }: Cell): boolean {
  return config.xl_cache_length === XL_CACHE && (config.memory_size ?? 0) > 0;
}

/** Returns the cell with the lowest perplexity; the first if none is known. */
function lowestOf(results: Results, corpus: string, among: readonly Cell[]): Cell {
  const perplexity = ({ name }: Cell) => results.perplexity(corpus, name) ?? Number.POSITIVE_INFINITY;
  return among.reduce((lowest, cell) => (perplexity(cell) < perplexity(lowest) ? cell : lowest));
}

/** Shows how much of each model's skill is in the memory: the same models with the memory switched off. */
function perplexityWithoutMemory(results: Results): ReportTable {
  const remembering = compared.filter(({ memorySizes }) => memorySizes.length > 1);
  return {
    kind: "table",
    title: "The same models without their memories",
    header: ["model", ...results.corpora],
    rows: knownOf(results, remembering).known.map(({ name, label }) => [
      label,
      ...results.corpora.map((corpus) => perplexityText(results.perplexity(corpus, name, 0))),
    ]),
  };
}

function chart(results: Results, corpus: string): ReportChart {
  const line = (name: string, cellAt: (size: number) => Cell) =>
    lineOf(name, SIZES, (size) => results.perplexity(corpus, cellAt(size).name));
  return {
    kind: "lines",
    octaves: true,
    labels: {
      title: `Test perplexity on ${corpus}`,
      x: "memory M in training and evaluation, tokens",
      y: "perplexity",
    },
    lines: drawn([
      line("plain", () => nothing),
      line("XL cache", () => cache),
      line("memory", memoryOf),
      line("memory + XL", bothOf),
    ]),
  };
}

const paperTable: ReportTable = {
  kind: "table",
  title: "The paper's figures",
  header: ["segment, memory, XL cache", "arXiv math", "PG-19", "C4 (4K+)", "GitHub", "Isabelle"],
  rows: [
    ["512, –, –", "3.29", "13.71", "17.20", "3.05", "3.09"],
    ["2048, –, –", "2.69", "12.37", "14.81", "2.22", "2.39"],
    ["512, –, 512", "2.67", "12.34", "15.38", "2.26", "2.46"],
    ["512, 1536, –", "2.61", "12.50", "14.97", "2.20", "2.33"],
    ["512, 8192, –", "2.49", "12.29", "14.42", "2.09", "2.19"],
    ["512, 8192, 512", "2.37", "11.93", "14.04", "2.03", "2.08"],
    ["512, 65K, 512", "2.31", "11.62", "14.04", "1.87", "2.06"],
  ],
  note: "Perplexities of other data and tokens: their order compares, their size does not.",
};
