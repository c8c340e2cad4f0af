/**
 * Table 5 at evaluation alone: a memory that grows after training, and what helps it: attention to its pairs that gets sharper with their
 * number, and pairs that fade with their age.
 */

import type { ModelConfig } from "../model/config.ts";
import type { Finding, ReportTable } from "../report/experiment-report.ts";
import { wholeNumber } from "../report/progress.ts";
import { evaluate, type TokenLoss } from "../train/evaluate.ts";
import type { Cell, Experiment, TrainedCell } from "./lab/experiment.ts";
import { rowsFor } from "./lab/measure-cell.ts";
import { copying, MEMORY, withMemory, withXl } from "./lab/recipe.ts";
import { drawn, lineOf, perplexityText, sizeTable, UNKNOWN } from "./lab/reporting.ts";
import type { Measurements, Results } from "./lab/results.ts";

/** Memory sizes M in evaluation: every doubling. */
const GROWN = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];

function trainedWith(size: number): Cell {
  const cell = copying(withXl(withMemory(size, "gate")));
  return { ...cell, memorySizes: [0, ...GROWN], measure: changedTokens(size) };
}

const trained = trainedWith(MEMORY);

/** The same model, evaluated with other weights of what it retrieves. */
function evaluatedWith(name: string, config: Partial<ModelConfig>): Cell {
  return {
    name: `${trained.name}-${name}`,
    label: `${trained.label}, ${name}`,
    config: { ...trained.config, ...config },
    share: 0,
    from: trained.name,
    memorySizes: trained.memorySizes,
  };
}

/** As in the bundled models. */
const [SHARPEN_FROM, FADE] = [512, 0.4];

const cells: readonly Cell[] = [
  trained,
  evaluatedWith("sharpened", { memory_sharpen_from: SHARPEN_FROM }),
  evaluatedWith("fading", { memory_fade: FADE }),
  evaluatedWith("both", { memory_sharpen_from: SHARPEN_FROM, memory_fade: FADE }),
];

export const growth: Experiment = {
  name: "growth",
  summary: "train with a small memory, evaluate with larger ones, sharper and fading",
  title: "A memory that grows after training",
  paper:
    "The paper's Table 5 and its first submission: growing the memory helps at once (8K → 32K: 2.927 → 2.877), and 20K steps " +
    "of fine-tuning take 8K → 262K from 2.37 to 2.26.",
  cells,
  evalTokens: 65_536,
  report: (results) => ({
    question:
      "A model that learned with one size of memory reads long documents with others: does every doubling help?",
    findings: results.corpora.flatMap((corpus) => findings(results, corpus)),
    parts: [
      ...results.corpora.map((corpus) => sizeTable(`Test perplexity on ${corpus}, by memory`, results, corpus, cells)),
      ...results.corpora.map((corpus) => chart(results, corpus)),
      paperTable,
    ],
  }),
};

function chart(results: Results, corpus: string) {
  const labels = { title: `Test perplexity on ${corpus}`, x: "memory M in evaluation, tokens", y: "perplexity" };
  const lines = cells.map(({ name, label }) => lineOf(label, GROWN, (size) => results.perplexity(corpus, name, size)));
  return { kind: "lines", octaves: true, labels, lines: drawn(lines) } as const;
}

function findings(results: Results, corpus: string): Finding[] {
  return [...cells.map(({ name }) => falls(results, corpus, name)), unchanged(results, corpus, trained.name)];
}

/** Sizes that no document fills give equal perplexities. */
function falls(results: Results, corpus: string, name: string): Finding {
  const perplexities = GROWN.map((size) => results.perplexity(corpus, name, size));
  const known = perplexities.every((perplexity) => perplexity !== undefined);
  return {
    claim: `${corpus}: the perplexity of ${name} falls at every doubling that documents fill`,
    found: perplexities.map(perplexityText).join(", "),
    holds: known ? perplexities.every((perplexity, i) => i === 0 || perplexity <= perplexities[i - 1]) : undefined,
  };
}

function unchanged(results: Results, corpus: string, name: string): Finding {
  const changed = results.number(corpus, name, "changed");
  const compared = results.number(corpus, name, "compared");
  return {
    claim: `${corpus}: tokens of ${name} before the old memory's end stay bit-identical when it grows`,
    found: compared === undefined ? UNKNOWN : `${changed} of ${wholeNumber(compared)} differ`,
    holds: changed === undefined ? undefined : changed === 0,
  };
}

/** Counts which of the first `size` tokens of each document are predicted differently with the largest memory than with `size`. */
function changedTokens(size: number): (trained: TrainedCell) => Promise<Measurements> {
  return async ({ model, corpus, evalTokens }) => {
    const [before, after] = [new Map<string, number>(), new Map<string, number>()];
    const note = ({ document, index, memory, nats }: TokenLoss) =>
      (memory === size ? before : after).set(`${index} ${document}`, nats);
    evaluate(model, corpus.test, corpus.tokenizer, {
      memorySizes: [size, GROWN[GROWN.length - 1]],
      maxTokens: Math.min(size, evalTokens),
      rows: rowsFor(corpus),
      onToken: note,
    });
    const changed = [...before].filter(([token, nats]) => after.get(token) !== nats).length;
    return { numbers: { compared: before.size, changed } };
  };
}

const paperTable: ReportTable = {
  kind: "table",
  title: "The paper's figures (arXiv math, segments and XL cache of 512)",
  header: ["memory", "perplexity"],
  rows: [
    ["8K in training", "2.37"],
    ["8K in training, fine-tuned with 65K", "2.31"],
    ["8K in training, fine-tuned with 262K", "2.26"],
  ],
};
