/** Every mechanism that the paper's section 2 names, and a few since: what each is worth, what it costs, and how far it looks. */
import type { ModelConfig } from "../model/config.ts";
import type { ReportTable } from "../report/experiment-report.ts";
import type { Bar } from "../report/html/chart.ts";
import { wholeNumber } from "../report/progress.ts";
import { stateKilobytes } from "./lab/cost.ts";
import type { Cell, Experiment, TrainedCell } from "./lab/experiment.ts";
import { DISTANCES, plantedDocuments, reachOf } from "./lab/reach.ts";
import { EVAL_TOKENS, fresh, MEMORY, plain, smeared, withMemory, withXl, xl } from "./lab/recipe.ts";
import { knownOf, perplexityText, UNKNOWN } from "./lab/reporting.ts";
import type { Measurements, Results } from "./lab/results.ts";

/** M of the models with a memory when they are asked how far a larger one would let them see. */
const GROWN = 65_536;

async function withReach({ model, corpus }: TrainedCell): Promise<Measurements> {
  const planted = plantedDocuments(corpus.test, corpus.valid);
  const numbers = (prefix: string, memorySize?: number) => {
    return [...reachOf(model, planted, memorySize)].map(([distance, share]) => [`${prefix}.${distance}`, share]);
  };
  const grown = model.config.memory_size > 0 ? numbers("grown", GROWN) : [];
  return { numbers: Object.fromEntries([...numbers("reach"), ...grown]) };
}

/** Settings by which each keeps about the bytes of 512 pairs in four layers, which are those of one memory of 2,048. */
const PAIRS = 512;
const settings: Readonly<Record<string, Partial<ModelConfig>>> = {
  "sliding window": { mechanism: "window", mechanism_window: PAIRS },
  "dilated window": { mechanism: "window", mechanism_window: PAIRS / 4, mechanism_dilation: 4 },
  "Big Bird": { mechanism: "big-bird", mechanism_window: 192, mechanism_first: 32, xl_cache_length: PAIRS },
  ETC: { mechanism: "etc", mechanism_window: PAIRS / 2, mechanism_kept: PAIRS / 2 },
  Reformer: { mechanism: "reformer", mechanism_window: 64, mechanism_buckets: 16, xl_cache_length: PAIRS },
  "Routing Transformer": { mechanism: "routing", mechanism_window: 64, mechanism_buckets: 16, xl_cache_length: PAIRS },
  "linear attention": { mechanism: "linear" },
  Performer: { mechanism: "performer" },
  "Infini-attention": { mechanism: "infini", xl_cache_length: 128 },
  Linformer: { mechanism: "linformer", mechanism_kept: PAIRS },
  "H-Transformer-1D": { mechanism: "h-transformer", mechanism_block: 32, mechanism_kept: PAIRS / 4 },
  Combiner: { mechanism: "combiner", mechanism_block: 32, mechanism_kept: PAIRS },
  "Compressive Transformer": { mechanism: "compressive", mechanism_window: 128, mechanism_kept: PAIRS - 128 },
  "Expire-Span": { mechanism: "expire-span", mechanism_window: PAIRS },
  "Block-Recurrent Transformer": {
    mechanism: "block-recurrent",
    mechanism_cells: PAIRS - 128,
    xl_cache_length: 128,
  },
  LSTM: { mechanism: "lstm", memory_layers: [], smear_keys: "none" },
  "Feedback Transformer": { mechanism: "feedback", mechanism_window: PAIRS, memory_layers: [], smear_keys: "none" },
  ReadTwice: { mechanism: "read-twice", mechanism_kept: PAIRS, memory_layers: [], smear_keys: "none" },
};

const rows: readonly Cell[] = Object.entries(settings).map(([label, config]) => {
  const cell = smeared({ ...plain, name: label.toLowerCase().replaceAll(" ", "-"), config });
  return { ...cell, label, config: { ...cell.config, ...config } };
});

const far: Cell = { ...xl, name: `xl-${PAIRS}`, label: `XL cache ${PAIRS}`, config: { xl_cache_length: PAIRS } };
const memory: Cell = { ...withMemory(MEMORY, "gate"), label: "memory" };
const windowed = rows[0];
const both: Cell = {
  ...memory,
  name: `${windowed.name}-${memory.name}`,
  label: "window + memory",
  config: { ...windowed.config, ...memory.config },
};

const cells: readonly Cell[] = [
  fresh(plain),
  smeared(far),
  ...rows,
  smeared(memory),
  smeared(withXl(memory)),
  both,
].map((cell) => ({ ...cell, from: undefined, measure: withReach, measuringSeconds: 0.2 }));

export const mechanisms: Experiment = {
  name: "mechanisms",
  summary: "every mechanism that the paper names, at equal tokens and about equal state: worth, cost and reach",
  title: "Ways of seeing far",
  paper: "Section 2 of the paper lists these mechanisms. It compares with Transformer-XL alone (table 4).",
  cells,
  evalTokens: EVAL_TOKENS,
  report: (results) => ({
    question:
      "The same model, the same tokens and about the same bytes of state: what is each way of seeing far worth, what does it cost, " +
      "and how far back does it look? Reach: the share of a planted passage's nats that its first occurrence saves, that many tokens later.",
    findings: [],
    parts: [
      ...results.corpora.map((corpus) => worthTable(results, corpus)),
      ...results.corpora.map((corpus) => chart(results, corpus)),
    ],
  }),
};

/** Perplexity, bits a byte, training speed, a row's state, and reach, best first. */
function worthTable(results: Results, corpus: string): ReportTable {
  const { known, note } = knownOf(results, cells);
  const ranked = known.toSorted(
    (a, b) => (results.perplexity(corpus, a.name) ?? 0) - (results.perplexity(corpus, b.name) ?? 0),
  );
  return {
    kind: "table",
    title: `Test perplexity on ${corpus}, the best first`,
    header: [
      "mechanism",
      "perplexity",
      "bits a byte",
      "parameters",
      "tokens/s",
      "state, kB",
      ...DISTANCES.map(wholeNumber),
    ],
    rows: ranked.flatMap((cell) => worthRows(results, corpus, cell)),
    note: `The last columns are reach. Tokens/s: in training, on one thread. State: what one document keeps.${note ? ` ${note}` : ""}`,
  };
}

/** A cell's row, and one more for its memory when it has grown. */
function worthRows(results: Results, corpus: string, { name, label }: Cell): string[][] {
  const result = results.cell(corpus, name);
  const reach = (prefix: string) => {
    const shares = DISTANCES.map((distance) => results.number(corpus, name, `${prefix}.${distance}`));
    return shares.map((share) => (share === undefined ? UNKNOWN : `${Math.round(100 * share)} %`));
  };
  const row = [
    label,
    perplexityText(results.perplexity(corpus, name)),
    result?.evaluation.results.at(-1)?.bits_per_byte.toFixed(3) ?? UNKNOWN,
    wholeNumber(result?.parameters ?? 0),
    wholeNumber(Math.round((result?.trainingTokens ?? 0) / (result?.trainingSeconds ?? 1))),
    result === undefined ? UNKNOWN : wholeNumber(stateKilobytes(result)),
    ...reach("reach"),
  ];
  if (results.number(corpus, name, `grown.${DISTANCES[0]}`) === undefined) return [row];
  return [row, [`… read with ${wholeNumber(GROWN)}`, ...new Array<string>(5).fill(""), ...reach("grown")]];
}

/** Draws perplexities, the best first. */
function chart(results: Results, corpus: string) {
  const labels = { title: `Test perplexity on ${corpus}`, x: "mechanism", y: "test perplexity" };
  const bars = cells.flatMap(({ name, label }): Bar[] => {
    const value = results.perplexity(corpus, name);
    return value === undefined ? [] : [{ label, value, detail: `${label}: ${perplexityText(value)}` }];
  });
  return { kind: "bars", labels, bars: bars.toSorted((a, b) => a.value - b.value) } as const;
}
