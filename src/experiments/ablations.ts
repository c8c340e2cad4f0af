/** The paper's ablations (section 4.5) and some of ours: one thing changed at a time in the best model. */
import type { ModelConfig } from "../model/config.ts";
import type { Finding, ReportTable } from "../report/experiment-report.ts";
import type { Cell, Experiment } from "./lab/experiment.ts";
import { gatesTable, measureScales } from "./lab/gates-and-scales.ts";
import { copying, EVAL_TOKENS, induction, MEMORY, seeded, smeared, withMemory, withXl, xl } from "./lab/recipe.ts";
import { percentText, perplexityTable, perplexityText, UNKNOWN } from "./lab/reporting.ts";
import type { Results } from "./lab/results.ts";

const gated = withXl(withMemory(MEMORY, "gate"));
const base = measured(copying(gated));
const rival = induction(xl);

function measured(cell: Cell): Cell {
  return { ...cell, measure: measureScales };
}

/** The model with some keys of its configuration replaced. */
function vary(name: string, label: string, config: Partial<ModelConfig>): Cell {
  return { ...base, name: `${base.name}-${name}`, label, config: { ...base.config, ...config } };
}

/** What the best model owes to each of its parts. */
const parts: readonly Cell[] = [
  { ...measured(induction(gated)), label: "without copying" },
  vary("drawn", "first weights drawn, no induction heads", { induction_init: false }),
  { ...measured(smeared(gated)), label: "without both" },
];

const last = vary("layer-3", "memory in layer 4 of 4, not 3", { memory_layers: [3] });

/** Where the memory stands, and how it is asked and answers. Gates of models that do not copy are compared in gates.ts. */
const others: readonly Cell[] = [
  vary("layer-1", "memory in layer 2 of 4, not 3", { memory_layers: [1] }),
  last,
  vary("layers-1-3", "two memories: in layers 2 and 4", { memory_layers: [1, 3] }),
  vary("layers-2-3", "two memories: in layers 3 and 4", { memory_layers: [2, 3] }),
  vary("k-8", "K 8, not 32", { memory_topk: 8 }),
  vary("heads-1", "1 head of 128, not 2 of 64", { num_attention_heads: 1, head_dim: 128 }),
  vary("heads-4", "4 heads of 32, not 2 of 64", { num_attention_heads: 4, head_dim: 32 }),
  vary("joint", "joint softmax, no gate", { memory_combine: "joint" }),
  vary("content", "a gate that depends on the token", { memory_combine: "content" }),
];

const varied: readonly Cell[] = [base, ...parts, ...others];

const sameButSeed: readonly Cell[] = [base, ...seeded(base)];
const seeds: readonly Cell[] = [rival, ...sameButSeed, last, ...seeded(last)];

/** Pairs that are searched. Searches differ more with more pairs. */
const SEARCHED = 8192;

function searched(name: string, label: string, config: Partial<ModelConfig>): Cell {
  return {
    name: `${base.name}-search-${name}`,
    label,
    config: { ...base.config, memory_size: SEARCHED, ...config },
    share: 0,
    from: base.name,
    memorySizes: [SEARCHED],
    recall: true,
  };
}

const exact = searched("exact", "exact", { memory_search: "exact" });
const searches: readonly Cell[] = [
  exact,
  searched("quantised", "quantised", { memory_search: "quantised" }),
  ...[1, 2, 4, 8].map((buckets) => {
    const config = { memory_search: "bucketed", memory_buckets: buckets } as const;
    return searched(`bucketed-${buckets}`, `bucketed, ${buckets} K buckets`, config);
  }),
  ...[4, 8, 16, 32, 64].map((probes) => {
    const config = { memory_search: "inverted", memory_probes: probes } as const;
    return searched(`inverted-${probes}`, `inverted, ${probes} probes`, config);
  }),
];

const distinct = new Map([...varied, ...seeds, ...searches].map((cell) => [cell.name, cell]));

export const ablations: Experiment = {
  name: "ablations",
  summary: "what each part is worth, where the memory stands, K, search, seeds",
  title: "What matters, and what does not",
  paper:
    "The paper, section 4.5: memory in layer 3, 6, 9 or 12 of 12 gives 2.40, 2.36, 2.37, 2.43; K of 32, 128, 256 gives 2.38, " +
    "2.37, 2.37; more memory layers gain nothing; 90 % recall is as good as exact search.",
  cells: [...distinct.values()],
  evalTokens: EVAL_TOKENS,
  report: (results) => ({
    question:
      `One thing at a time is changed in a model with a memory of ${MEMORY} and an XL cache, whose heads begin as induction heads and ` +
      "whose pairs vote: what does that cost or gain?",
    findings: results.corpora.flatMap((corpus) => [searchFinding(results, corpus), seedFinding(results, corpus)]),
    parts: [
      perplexityTable("One thing changed", results, varied, base.name),
      perplexityTable("Seeds", results, seeds, rival.name),
      ...results.corpora.map((corpus) => gatesTable(results, corpus, varied)),
      ...results.corpora.map((corpus) => searchTable(results, corpus)),
      ...results.corpora.map((corpus) => changesChart(results, corpus)),
      ...results.corpora.map((corpus) => recallChart(results, corpus)),
    ],
  }),
};

function searchTable(results: Results, corpus: string): ReportTable {
  const rows = searches.map(({ name, label }) => {
    const found = results.recall(corpus, name);
    return [
      label,
      found === undefined ? UNKNOWN : `${(100 * found).toFixed(1)} %`,
      perplexityText(results.perplexity(corpus, name)),
      percentText(results.change(corpus, name, exact.name)),
    ];
  });
  const note = "Recall: the share of the exact K nearest keys that were found, over all lookups of the evaluation.";
  return {
    kind: "table",
    title: `Search on ${corpus}`,
    header: ["search", "recall", "perplexity", "against exact"],
    rows,
    note,
  };
}

/** Claims that searches which find at least 90 % of the pairs cost less than half a percent of perplexity. */
function searchFinding(results: Results, corpus: string): Finding {
  const good = searches.filter(({ name }) => (results.recall(corpus, name) ?? 0) >= 0.9);
  const changes = good.map(({ name }) => results.change(corpus, name, exact.name) ?? 0);
  const complete = searches.every(({ name }) => results.cell(corpus, name) !== undefined);
  return {
    claim: `${corpus}: searches with a recall of 90 % or more cost less than 0.5 % of perplexity`,
    found: `${good.length} such searches, at worst ${percentText(complete ? Math.max(...changes) : undefined)}`,
    holds: complete ? changes.every((change) => change < 0.005) : undefined,
  };
}

/** Claims that the seeds of a model differ by less than the memory gains. */
function seedFinding(results: Results, corpus: string): Finding {
  const ours = sameButSeed.map(({ name }) => results.perplexity(corpus, name) ?? Number.NaN);
  const spread = Math.max(...ours) - Math.min(...ours);
  const gain = (results.perplexity(corpus, rival.name) ?? Number.NaN) - Math.max(...ours);
  const known = !Number.isNaN(spread) && !Number.isNaN(gain);
  return {
    claim: `${corpus}: three seeds of ${base.name} differ by less than its gain over ${rival.name}`,
    found: known ? `they differ by ${spread.toFixed(3)}, the gain is at least ${gain.toFixed(3)}` : UNKNOWN,
    holds: known ? spread < gain : undefined,
  };
}

function changesChart(results: Results, corpus: string) {
  const labels = {
    title: `One thing changed, on ${corpus}`,
    x: "what was changed",
    y: "perplexity saved, %; below 0: worse",
  };
  const bars = varied.flatMap(({ name, label }) => {
    const change = results.change(corpus, name, base.name);
    if (change === undefined || name === base.name) return [];
    const [short] = label.split(","); // what it is, without what it was
    return [{ label: short, value: -100 * change, detail: `${label}: ${percentText(change)}` }];
  });
  return { kind: "bars", labels, bars } as const;
}

function recallChart(results: Results, corpus: string) {
  const labels = { title: `Recall and perplexity on ${corpus}`, x: "recall, percent", y: "perplexity" };
  const lines = ["bucketed", "inverted"].map((kind) => {
    const points = searches
      .filter(({ name }) => name.startsWith(`${base.name}-search-${kind}`) || name === exact.name)
      .flatMap(({ name }) => {
        const [found, perplexity] = [results.recall(corpus, name), results.perplexity(corpus, name)];
        return found === undefined || perplexity === undefined ? [] : [[100 * found, perplexity] as const];
      });
    return { name: kind, points: points.toSorted(([a], [b]) => a - b) };
  });
  return { kind: "lines", labels, lines: lines.filter(({ points }) => points.length > 0) } as const;
}
