/** Table 4: the gain from seeing further, with a longer segment, a Transformer-XL cache or a memory. */
import type { Finding, ReportChart, ReportTable } from "../report/experiment-report.ts";
import type { Cell, Experiment } from "./lab/experiment.ts";
import { EVAL_TOKENS, MEMORY, names, plain, recipeTraining, withMemory, withXl, XL_CACHE, xl } from "./lab/recipe.ts";
import { drawn, knownOf, lineOf, lowerBy, perplexityTable, perplexityText, UNKNOWN } from "./lab/reporting.ts";
import type { Results } from "./lab/results.ts";

const SIZES = [512, MEMORY, 8192, 32768];
const XL_SIZES = [MEMORY, 8192, 32768];

/** Four times the context in a quarter of the rows, so a step reads the same number of tokens. */
const long: Cell = {
  ...plain,
  name: "long-512",
  label: "plain, segments of 512",
  config: { segment_length: 512 },
  training: { batchSize: (recipeTraining.batchSize ?? 8) / 4 },
};

const cells: readonly Cell[] = [
  plain,
  long,
  xl,
  ...SIZES.map((size) => withMemory(size)),
  ...SIZES.map((size) => withMemory(size, "gate")),
  ...XL_SIZES.map((size) => withXl(withMemory(size))),
  ...XL_SIZES.map((size) => withXl(withMemory(size, "gate"))),
];

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
  cells: [names, ...cells],
  evalTokens: EVAL_TOKENS,
  report: (results) => ({
    question:
      "Models of equal size, trained on equally many tokens, differ only in what they see besides their segment of 128: " +
      "how well do they predict long documents that are new to them?",
    findings: results.corpora.flatMap((corpus) => findings(results, corpus)),
    parts: [
      perplexityTable("Test perplexity", results, cells, "plain"),
      perplexityWithoutMemory(results),
      ...results.corpora.map((corpus) => chart(results, corpus)),
      paperTable,
    ],
  }),
};

function findings(results: Results, corpus: string): Finding[] {
  const both = withXl(withMemory(MEMORY)).name;
  const [belowPlain, belowXl] = EXPECTED[corpus] ?? [0, 0];
  return [
    lowerBy(results, corpus, "xl", "plain", 0),
    lowerBy(results, corpus, "joint-2048", "plain", 0),
    lowerBy(results, corpus, both, "plain", belowPlain),
    lowerBy(results, corpus, both, "xl", belowXl),
    bestOfAll(results, corpus),
  ];
}

function bestOfAll(results: Results, corpus: string): Finding {
  const best = lowest(results, corpus, cells);
  const complete = cells.every(({ name }) => results.cell(corpus, name) !== undefined);
  return {
    claim: `${corpus}: of all, one with memory and XL cache is the best`,
    found: complete ? `${best.name}, ${perplexityText(results.perplexity(corpus, best.name))}` : UNKNOWN,
    holds: complete ? hasBoth(best) : undefined,
  };
}

function hasBoth({ config = {} }: Cell): boolean {
  return config.xl_cache_length === XL_CACHE && (config.memory_size ?? 0) > 0;
}

/** Returns the cell with the lowest perplexity; the first if none is known. */
function lowest(results: Results, corpus: string, among: readonly Cell[]): Cell {
  const perplexity = ({ name }: Cell) => results.perplexity(corpus, name) ?? Number.POSITIVE_INFINITY;
  return among.reduce((best, cell) => (perplexity(cell) < perplexity(best) ? cell : best));
}

/** Shows how much of each model's skill is in the memory: the same models with the memory switched off. */
function perplexityWithoutMemory(results: Results): ReportTable {
  const remembering = cells.filter(({ memorySizes }) => memorySizes.length > 1);
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
  const line = (name: string, sizes: readonly number[], cellAt: (size: number) => string) =>
    lineOf(name, sizes, (size) => results.perplexity(corpus, cellAt(size)));
  return {
    kind: "lines",
    octaves: true,
    labels: {
      title: `Test perplexity on ${corpus}`,
      x: "memory M in training and evaluation, tokens",
      y: "perplexity",
    },
    lines: drawn([
      line("plain", SIZES, () => "plain"),
      line("XL cache", SIZES, () => "xl"),
      line("memory, joint", SIZES, (size) => `joint-${size}`),
      line("memory, gate", SIZES, (size) => `gate-${size}`),
      line("memory + XL, joint", XL_SIZES, (size) => `joint-${size}-xl`),
      line("memory + XL, gate", XL_SIZES, (size) => `gate-${size}-xl`),
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
