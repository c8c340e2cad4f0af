/** The rivals of a memory: XL cache, neural cache and kNN-LM, alone and on top of it. Also attention to a whole memory. */
import type { Finding, ReportTable } from "../report/experiment-report.ts";
import type { Bar } from "../report/html/chart.ts";
import { wholeNumber } from "../report/progress.ts";
import { mixture } from "./copying/interpolation.ts";
import { knnLm } from "./copying/knn-lm.ts";
import { neuralCache } from "./copying/neural-cache.ts";
import { stateKilobytes } from "./lab/cost.ts";
import type { Cell, Experiment, TrainedCell } from "./lab/experiment.ts";
import { copying, induction, MEMORY, plain, smeared, withMemory, withXl, xl } from "./lab/recipe.ts";
import { knownOf, perplexityText, sizeTable, UNKNOWN } from "./lab/reporting.ts";
import type { Measurements, Results } from "./lab/results.ts";

/** Methods by the prefix of their numbers in a result. The cache sees as far back as the memory. */
const methods = { cache: neuralCache(MEMORY), knn: knnLm };

async function withCopying(trained: TrainedCell): Promise<Measurements> {
  const numbers: Record<string, number> = {};
  for (const [prefix, method] of Object.entries(methods)) {
    const { perplexity, validPerplexity, sharpness, lambda } = await mixture(trained, method);
    numbers[`${prefix}.perplexity`] = perplexity;
    numbers[`${prefix}.validPerplexity`] = validPerplexity;
    numbers[`${prefix}.sharpness`] = sharpness;
    numbers[`${prefix}.lambda`] = lambda;
  }
  return { numbers };
}

const memory: Cell = { ...withMemory(MEMORY, "gate"), memorySizes: [0, 512, MEMORY, 4 * MEMORY] };

/** Ways of seeing far, alone and together. */
const seeing = [xl, memory, withXl(memory)].map(smeared);

/** The first and the last of them with heads that begin as induction heads. */
const inductive = [xl, withXl(memory)].map(induction);

/** Each from nothing; the last also copies. */
const rivals: readonly Cell[] = [plain, ...seeing, ...inductive, copying(withXl(memory))].map((cell) => {
  return { ...cell, measure: withCopying, measuringSeconds: 2.3 };
});

/** Budgets by the end of a cell's name, as shares of the recipe's 1.5 million tokens: the same, four million, eight million. */
const budgets = { "": 1, "-longer": 8 / 3, "-longest": 16 / 3 };

const groups: readonly (readonly Cell[])[] = Object.entries(budgets).map(([end, share]) => {
  return rivals.map((cell) => ({ ...cell, name: `${cell.name}${end}`, share }));
});
const models = groups.flat();

/** Cells with K = M: attention to the whole memory, by models that learned with K 32. */
const dense: readonly Cell[] = seeing.slice(1).map((cell) => ({
  name: `${cell.name}-dense`,
  label: `${cell.label}, K = M`,
  config: { ...cell.config, memory_topk: MEMORY },
  share: 0,
  from: cell.name,
  memorySizes: [MEMORY],
}));

export const baselines: Experiment = {
  name: "baselines",
  summary: "memory, XL cache, neural cache and kNN-LM, each alone and together; attention to the whole memory",
  title: "The rivals of a memory",
  paper:
    "Not in the paper, whose related work names them: the neural cache (Grave et al. 2017) and kNN-LM (Khandelwal et al. 2020) " +
    "mix a model's prediction with tokens that followed similar states.",
  cells: [...models, ...dense],
  evalTokens: 4096,
  report: (results) => ({
    question:
      "A cache at the output copies what followed similar states, without any training. Is a memory inside the model worth more, " +
      "and does a cache still add to it? All models begin from nothing. Sharpness and weight are tuned on valid for each.",
    findings: ofGroups(results, findings).flat(),
    parts: [
      ...ofGroups(results, rivalsTable),
      ...ofGroups(results, bySize),
      ...results.corpora.map((corpus) => denseTable(results, corpus)),
      ...ofGroups(results, chart),
    ],
  }),
};

/** A part of the report for every corpus and every group of which it has a cell. */
function ofGroups<T>(results: Results, part: (results: Results, corpus: string, group: readonly Cell[]) => T): T[] {
  return results.corpora.flatMap((corpus) => {
    const known = groups.filter((group) => group.some(({ name }) => results.cell(corpus, name) !== undefined));
    return known.map((group) => part(results, corpus, group));
  });
}

/** The memory is judged at the size that it was trained with. */
function perplexityOf(results: Results, corpus: string, cell: Cell): number | undefined {
  return results.perplexity(corpus, cell.name, remembers(cell) ? MEMORY : 0);
}

function remembers({ config }: Cell): boolean {
  return (config?.memory_size ?? 0) > 0;
}

function tokensOfGroup(results: Results, [{ share = 1 }]: readonly Cell[]): string {
  return `${((share * results.budget) / 1e6).toFixed(1)} million training tokens`;
}

/** Whether a memory and an XL cache are worth more than an XL cache and a copying cache, without copying and with it. */
function findings(results: Results, corpus: string, group: readonly Cell[]): Finding[] {
  const [xlAlone, ...both] = group.slice(-inductive.length - 1);
  const cache = results.number(corpus, xlAlone.name, "cache.perplexity");
  return both.map((cell) => {
    const memory = perplexityOf(results, corpus, cell);
    return {
      claim: `${corpus}, ${tokensOfGroup(results, group)}: ${cell.label}, is below XL cache and neural cache`,
      found: `${perplexityText(memory)} and ${perplexityText(cache)}`,
      holds: memory === undefined || cache === undefined ? undefined : memory < cache,
    };
  });
}

function rivalsTable(results: Results, corpus: string, group: readonly Cell[]): ReportTable {
  const { known, note } = knownOf(results, group);
  const rows = known.map((cell) => {
    const { name, label } = cell;
    const copies = Object.keys(methods).flatMap((prefix) => {
      const tuned = [`${prefix}.sharpness`, `${prefix}.lambda`].map((key) => results.number(corpus, name, key));
      const settings = tuned.includes(undefined) ? UNKNOWN : tuned.join(", ");
      return [perplexityText(results.number(corpus, name, `${prefix}.perplexity`)), settings];
    });
    return [label, perplexityText(perplexityOf(results, corpus, cell)), ...copies, ...costs(results, corpus, cell)];
  });
  const copies = Object.values(methods).flatMap(({ name }) => [`+ ${name}`, "s, λ"]);
  return {
    kind: "table",
    title: `Test perplexity on ${corpus}, ${tokensOfGroup(results, group)}`,
    header: ["model", "alone", ...copies, "bits a byte", "trained tokens/s", "state, kB"],
    rows,
    note:
      "s: sharpness, for vectors whose mean squared norm is 1 (the cache's θ; the kNN-LM's 1/τ). λ: weight of the copy. Bits a byte: " +
      `of the model alone. State: what one document keeps, without the copies' states.${note ? ` ${note}` : ""}`,
  };
}

function bySize(results: Results, corpus: string, group: readonly Cell[]): ReportTable {
  const title = `Test perplexity on ${corpus} by memory, ${tokensOfGroup(results, group)}`;
  return sizeTable(title, results, corpus, group.filter(remembers));
}

/** Bits per byte of the model alone, training tokens a second, and kB of a row's contexts and memories. */
function costs(results: Results, corpus: string, cell: Cell): string[] {
  const result = results.cell(corpus, cell.name);
  if (result === undefined) return [UNKNOWN, UNKNOWN, UNKNOWN];
  const size = remembers(cell) ? MEMORY : 0;
  const bits = result.evaluation.results.find(({ memory }) => memory === size)?.bits_per_byte;
  const speed = result.trainingTokens / result.trainingSeconds;
  return [bits?.toFixed(3) ?? UNKNOWN, wholeNumber(Math.round(speed)), wholeNumber(stateKilobytes(result))];
}

function denseTable(results: Results, corpus: string): ReportTable {
  const rows = dense.map(({ name, label, from = "" }) => [
    label,
    perplexityText(results.perplexity(corpus, name)),
    perplexityText(results.perplexity(corpus, from, MEMORY)),
  ]);
  const header = ["model", "K = M", "K 32"];
  return { kind: "table", title: `Attention to the whole memory on ${corpus}`, header, rows };
}

/** Draws what each method gains over the plain model alone. */
function chart(results: Results, corpus: string, group: readonly Cell[]) {
  const title = `Gain over the plain model on ${corpus}, ${tokensOfGroup(results, group)}`;
  const labels = { title, x: "model", y: "perplexity saved, %; below 0: worse" };
  const reference = perplexityOf(results, corpus, group[0]);
  const bars = group.flatMap((cell) => [
    ...barOf(cell.label, perplexityOf(results, corpus, cell), reference),
    ...Object.entries(methods).flatMap(([prefix, method]) => {
      return barOf(
        `${cell.label} + ${method.name}`,
        results.number(corpus, cell.name, `${prefix}.perplexity`),
        reference,
      );
    }),
  ]);
  return { kind: "bars", labels, bars } as const;
}

function barOf(label: string, perplexity: number | undefined, reference: number | undefined): Bar[] {
  if (perplexity === undefined || reference === undefined) return [];
  const detail = `${label}: ${perplexityText(perplexity)}`;
  return [{ label, value: 100 * (1 - perplexity / reference), detail }];
}
