/** Figure 6: a memory for a model that was trained without one, and how fast the model learns to use it. */
import type { Finding, ReportTable } from "../report/experiment-report.ts";
import { percent } from "../report/memory-table.ts";
import { memory, nothing } from "./lab/compared.ts";
import type { Cell, Experiment } from "./lab/experiment.ts";
import { EVAL_TOKENS, MEMORY, smeared, withMemory } from "./lab/recipe.ts";
import { perplexityTable, UNKNOWN } from "./lab/reporting.ts";
import type { Results } from "./lab/results.ts";

/** Training tokens of a retrofit as a share of the pre-training's, and the number of evaluations on the way. */
const SHARE = 0.1;
const EVALUATIONS = 10;

/** Target: 85 % of the gap closed within a tenth of the pre-training. */
const WITHIN = 0.1;
const MOST_OF_GAP = 0.85;

/** It had the memory from the beginning. */
const remembering: Cell = { ...memory, label: "memory from the beginning" };

function retrofitted(name: string, label: string, cell: Partial<Cell>): Cell {
  return {
    name,
    label,
    training: { learningRate: 1e-3, warmupSteps: 10 },
    share: SHARE,
    from: nothing.name,
    courseEvaluations: EVALUATIONS,
    memorySizes: [MEMORY],
    ...cell,
  };
}

const whole = retrofitted("retrofit", "memory added, all parameters learn", { config: remembering.config });
const layer = retrofitted("retrofit-layer", "memory added, its layer alone learns", {
  config: remembering.config,
  onlyLayer: 2,
});
const bare = retrofitted("retrofit-without-both", "memory added, no induction heads, no votes", {
  config: smeared(withMemory(MEMORY, "gate")).config,
});
const trained = retrofitted("retrofit-trained-heads", "memory added, no induction heads", {
  config: { ...remembering.config, induction_init: false },
});
const longer = retrofitted("retrofit-plain", "plain, the same number of steps more", { memorySizes: [0] });
const untouched: Cell = {
  name: "retrofit-untrained",
  label: "memory added, no training",
  config: remembering.config,
  share: 0,
  from: nothing.name,
  memorySizes: [MEMORY],
};

const courses = [whole, layer, trained, bare, longer];
const cells: readonly Cell[] = [nothing, remembering, untouched, ...courses];

export const retrofit: Experiment = {
  name: "retrofit",
  summary: "a memory for a model that was trained without: steps until 85 % and 100 % of the gap",
  title: "A memory for a model that never had one",
  paper:
    "The paper's Figure 6: 20K steps, 4 % of the pre-training, close 85 % of the gap to a model trained with memory.",
  cells,
  evalTokens: EVAL_TOKENS,
  report: (results) => ({
    question:
      "A plain model gets a memory and continues to learn. How soon is it as good as one that had the memory from the beginning? " +
      "The gap is the difference between these two, at the full number of training tokens.",
    findings: results.corpora.map((corpus) => finding(results, corpus)),
    parts: [
      perplexityTable("Test perplexity", results, cells, nothing.name),
      ...results.corpora.map((corpus) => stepsTable(results, corpus)),
      ...results.corpora.map((corpus) => chart(results, corpus)),
    ],
  }),
};

/** Returns, for each evaluation, steps as a share of the pre-training's, and the share of the gap that is closed. */
function course(results: Results, corpus: string, cell: Cell): (readonly [spent: number, closed: number])[] {
  const [begin, end] = [results.perplexity(corpus, nothing.name), results.perplexity(corpus, remembering.name)];
  const steps = results.cell(corpus, nothing.name)?.steps;
  if (begin === undefined || end === undefined || steps === undefined) return [];
  const points = results.cell(corpus, cell.name)?.course ?? [];
  return points.map(({ step, perplexity }) => [step / steps, (begin - perplexity) / (begin - end)] as const);
}

/** Returns the share of the pre-training after which `part` of the gap was closed for the first time. */
function reached(results: Results, corpus: string, cell: Cell, part: number): number | undefined {
  return course(results, corpus, cell).find(([, closed]) => closed >= part)?.[0];
}

function finding(results: Results, corpus: string): Finding {
  const spent = reached(results, corpus, whole, MOST_OF_GAP);
  const known = course(results, corpus, whole).length > 0;
  return {
    claim: `${corpus}: ${100 * MOST_OF_GAP} % of the gap close within ${100 * WITHIN} % of the pre-training`,
    found: spent === undefined ? (known ? "not reached" : UNKNOWN) : `after ${(100 * spent).toFixed(1)} %`,
    holds: known ? spent !== undefined && spent <= WITHIN : undefined,
  };
}

function stepsTable(results: Results, corpus: string): ReportTable {
  const steps = results.cell(corpus, nothing.name)?.steps ?? 0;
  const rows = courses.map((cell) => {
    const until = [MOST_OF_GAP, 1].map((part) => {
      const spent = reached(results, corpus, cell, part);
      return spent === undefined ? UNKNOWN : `${Math.round(spent * steps)} (${(100 * spent).toFixed(1)} %)`;
    });
    const last = course(results, corpus, cell).at(-1)?.[1];
    return [cell.label, ...until, last === undefined ? UNKNOWN : percent(last)];
  });
  const header = ["model", "steps until 85 % of the gap", "until 100 %", "closed at the end"];
  const note = `In brackets the share of the ${steps} steps of the pre-training. Evaluated ${EVALUATIONS} times.`;
  return { kind: "table", title: `The gap on ${corpus}`, header, rows, note };
}

function chart(results: Results, corpus: string) {
  const y = "closed, percent of the gap";
  const labels = { title: `The gap on ${corpus}`, x: "steps, percent of the pre-training's", y };
  const lines = courses.map((cell) => {
    const points = course(results, corpus, cell).map(([spent, closed]) => [100 * spent, 100 * closed] as const);
    return { name: cell.label, points };
  });
  return { kind: "lines", labels, lines: lines.filter(({ points }) => points.length > 0) } as const;
}
