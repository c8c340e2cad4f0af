/** Simpler ways of looking back, alone and on top of a memory: neural cache and kNN-LM. Also attention to a whole memory. */
import type { ReportTable } from "../report/experiment-report.ts";
import type { Bar } from "../report/html/chart.ts";
import { mixture } from "./copying/interpolation.ts";
import { knnLm } from "./copying/knn-lm.ts";
import { neuralCache } from "./copying/neural-cache.ts";
import type { Cell, Experiment, TrainedCell } from "./lab/experiment.ts";
import { EVAL_TOKENS, MEMORY, names, plain, withMemory, withXl, xl } from "./lab/recipe.ts";
import { percentText, perplexityText, UNKNOWN } from "./lab/reporting.ts";
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

const models: readonly Cell[] = [plain, xl, withMemory(MEMORY), withXl(withMemory(MEMORY))].map((cell) => {
  return { ...cell, measure: withCopying, measuringSeconds: 2.3 };
});

/** Cells with K = M: attention to the whole memory, by models that learned with K 32. */
const dense: readonly Cell[] = models.slice(2).map((cell) => ({
  name: `${cell.name}-dense`,
  label: `${cell.label}, K = M`,
  config: { ...cell.config, memory_topk: MEMORY },
  share: 0,
  from: cell.name,
  memorySizes: [MEMORY],
}));

export const baselines: Experiment = {
  name: "baselines",
  summary: "neural cache and kNN-LM, alone and on top of memory; attention to the whole memory",
  title: "Simpler ways of looking back",
  paper:
    "Not in the paper, whose related work names them: the neural cache (Grave et al. 2017) and kNN-LM (Khandelwal et al. 2020) " +
    "mix a model's prediction with tokens that followed similar states.",
  cells: [names, ...models, ...dense],
  evalTokens: EVAL_TOKENS,
  report: (results) => ({
    question:
      "A cache copies what followed similar states, without any training. How much of the memory's gain is that, and does it " +
      "add to the memory? Sharpness and weight are tuned on valid for each model.",
    findings: results.corpora.map((corpus) => finding(results, corpus)),
    parts: [
      ...results.corpora.map((corpus) => copyingTable(results, corpus)),
      ...results.corpora.map((corpus) => denseTable(results, corpus)),
      ...results.corpora.map((corpus) => chart(results, corpus)),
    ],
  }),
};

function finding(results: Results, corpus: string) {
  const memory = results.perplexity(corpus, withMemory(MEMORY).name);
  const caches = Object.keys(methods).map((prefix) => results.number(corpus, plain.name, `${prefix}.perplexity`));
  const known = memory !== undefined && caches.every((cache) => cache !== undefined);
  return {
    claim: `${corpus}: a memory gains more than a cache on the plain model`,
    found: `${perplexityText(memory)} with memory, ${caches.map(perplexityText).join(" and ")} with cache and kNN-LM`,
    holds: known ? caches.every((cache) => memory < cache) : undefined,
  };
}

function copyingTable(results: Results, corpus: string): ReportTable {
  const rows = models.map(({ name, label }) => {
    const alone = results.perplexity(corpus, name);
    const columns = Object.keys(methods).flatMap((prefix) => {
      const perplexity = results.number(corpus, name, `${prefix}.perplexity`);
      if (alone === undefined || perplexity === undefined) return [UNKNOWN, UNKNOWN, UNKNOWN];
      const tuned = [`${prefix}.sharpness`, `${prefix}.lambda`].map((key) => results.number(corpus, name, key));
      return [perplexityText(perplexity), percentText(perplexity / alone - 1), tuned.join(", ")];
    });
    return [label, perplexityText(alone), ...columns];
  });
  const header = Object.values(methods).flatMap(({ name }) => [`+ ${name}`, "change", "s, λ"]);
  const note =
    "s: sharpness, for vectors whose mean squared norm is 1 (the cache's θ; the kNN-LM's 1/τ). λ: weight of the copy.";
  return { kind: "table", title: `Test perplexity on ${corpus}`, header: ["model", "alone", ...header], rows, note };
}

function denseTable(results: Results, corpus: string): ReportTable {
  const rows = dense.map(({ name, label, from = "" }) => [
    label,
    perplexityText(results.perplexity(corpus, name)),
    perplexityText(results.perplexity(corpus, from)),
    percentText(results.change(corpus, name, from)),
  ]);
  const header = ["model", "K = M", "K 32", "change"];
  return { kind: "table", title: `Attention to the whole memory on ${corpus}`, header, rows };
}

/** Draws what each method gains over the plain model alone. */
function chart(results: Results, corpus: string) {
  const labels = { title: `Gain over the plain model on ${corpus}`, x: "model", y: "gain in perplexity, %" };
  const reference = results.perplexity(corpus, plain.name);
  const bars = models.flatMap(({ name }) => [
    ...barOf(name, results.perplexity(corpus, name), reference),
    ...Object.entries(methods).flatMap(([prefix, method]) => {
      return barOf(`${name} + ${method.name}`, results.number(corpus, name, `${prefix}.perplexity`), reference);
    }),
  ]);
  return { kind: "bars", labels, bars } as const;
}

function barOf(label: string, perplexity: number | undefined, reference: number | undefined): Bar[] {
  if (perplexity === undefined || reference === undefined) return [];
  const detail = `${label}: ${perplexityText(perplexity)}`;
  return [{ label, value: 100 * (1 - perplexity / reference), detail }];
}
