/** Every mechanism that the paper's section 2 names, and a few since: what each is worth, what it costs, and how far it looks. */
import type { Cell, Experiment, TrainedCell } from "./lab/experiment.ts";
import { goOn } from "./lab/go-on.ts";
import { plantedDocuments, reachOf } from "./lab/reach.ts";
import { EVAL_TOKENS } from "./lab/recipe.ts";
import type { Measurements } from "./lab/results.ts";
import { costCell, costParts } from "./mechanisms/length-cost.ts";
import { perplexityReadAgain, readsAgain } from "./mechanisms/read-again.ts";
import { rows } from "./mechanisms/rows.ts";
import { bestSeeds, seedCells } from "./mechanisms/seeds.ts";
import { AGAIN, GROWN, GROWN_REACH, REACH, worthCharts, worthTable } from "./mechanisms/worth.ts";

async function measure({ model, corpus, evalTokens, signal }: TrainedCell): Promise<Measurements> {
  const planted = plantedDocuments(corpus.test, corpus.valid);
  const reach = async (prefix: string, memorySize?: number) => {
    await goOn(signal);
    return [...reachOf(model, planted, memorySize)].map(([distance, share]) => [`${prefix}.${distance}`, share]);
  };
  const grown = model.config.memory_size > 0 ? await reach(GROWN_REACH, GROWN) : [];
  const again = readsAgain(model) ? [[AGAIN, await perplexityReadAgain(model, corpus.test, evalTokens, signal)]] : [];
  return { numbers: Object.fromEntries([...(await reach(REACH)), ...grown, ...again]) };
}

const cells: readonly Cell[] = [
  ...rows.map(({ cell }) => ({ ...cell, measure, measuringSeconds: 0.2 })),
  costCell,
  ...seedCells,
];

export const mechanisms: Experiment = {
  name: "mechanisms",
  summary: "every mechanism that the paper names, and a few since, at equal tokens: worth, cost, state and reach",
  title: "Ways of seeing far",
  paper: "Section 2 of the paper lists these mechanisms. It compares with Transformer-XL alone (table 4).",
  cells,
  evalTokens: EVAL_TOKENS,
  report: (results) => ({
    question:
      "The same model and the same tokens: what is each way of seeing far worth, what does it cost, what does it keep, " +
      "and how far back does it look? Reach: the share of a planted passage's nats that its first occurrence saves, that many tokens later.",
    findings: [],
    parts: [
      ...results.corpora.map((corpus) => worthTable(results, corpus)),
      ...results.corpora.flatMap((corpus) => worthCharts(results, corpus)),
      ...results.corpora.flatMap((corpus) => bestSeeds(results, corpus) ?? []),
      ...costParts(results),
    ],
  }),
};
