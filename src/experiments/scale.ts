/** Figure 1: how much larger a model without memory must be to predict as well as one with a memory. */
import type { Finding, ReportTable } from "../report/experiment-report.ts";
import { wholeNumber } from "../report/progress.ts";
import { both, cache, memory, nothing } from "./lab/compared.ts";
import type { Cell, Experiment } from "./lab/experiment.ts";
import { EVAL_TOKENS, recipeTraining } from "./lab/recipe.ts";
import { drawn, perplexityTable, perplexityText, UNKNOWN } from "./lab/reporting.ts";
import type { Results } from "./lab/results.ts";

/** Width C of the recipe, and of a smaller and a larger model; F is 4 C. */
const WIDTH = 128;
const WIDTHS = [64, WIDTH, 256];

/** The four kinds of models, at the recipe's width. */
const kinds = { plain: nothing, xl: cache, memory, both };
type Kind = keyof typeof kinds;

/**
 * Returns `cell` with another width. The learning rate falls with the square root of the width. Heads are 64 wide, or narrower
 * if there would be only one.
 */
function ofWidth(cell: Cell, width: number): Cell {
  if (width === WIDTH) return cell;
  const nameOf = (name: string) => `${name}-c${width}`;
  const heads = Math.max(2, width / 64);
  const sizes = {
    hidden_size: width,
    num_attention_heads: heads,
    head_dim: width / heads,
    intermediate_size: 4 * width,
  };
  const learningRate = (recipeTraining.learningRate ?? 1e-3) * Math.sqrt(WIDTH / width);
  return {
    ...cell,
    name: nameOf(cell.name),
    label: `${cell.label}, C ${width}`,
    config: { ...cell.config, ...sizes },
    training: { ...cell.training, learningRate },
  };
}

const cells: readonly Cell[] = WIDTHS.flatMap((width) => Object.values(kinds).map((cell) => ofWidth(cell, width)));

export const scale: Experiment = {
  name: "scale",
  summary: "three model sizes with and without memory",
  title: "How many times larger must a model without memory be?",
  paper: "The paper's Figure 1: a memory of 8K gives what a model five times as large gives.",
  cells,
  evalTokens: EVAL_TOKENS,
  report: (results) => ({
    question:
      "Models of three sizes learn with and without memory from the same number of tokens. Where between the plain models " +
      "does one with memory stand?",
    findings: results.corpora.flatMap((corpus) => findings(results, corpus)),
    parts: [
      perplexityTable("Test perplexity", results, cells, nothing.name),
      ...results.corpora.map((corpus) => equivalents(results, corpus)),
      ...results.corpora.map((corpus) => chart(results, corpus)),
    ],
  }),
};

type Point = readonly [parameters: number, perplexity: number];

/** Returns parameters and perplexity of one kind of model, smallest first. */
function curve(results: Results, corpus: string, kind: Kind): Point[] {
  return WIDTHS.flatMap((width) => {
    const { name } = ofWidth(kinds[kind], width);
    const [cell, perplexity] = [results.cell(corpus, name), results.perplexity(corpus, name)];
    return cell === undefined || perplexity === undefined ? [] : [[cell.parameters, perplexity] as const];
  });
}

/**
 * Returns the parameters of a model on the curve `points` whose perplexity is `perplexity`. The curve is straight from point
 * to point in logarithms. Undefined where no two neighbours, of which the larger is better, have it between them.
 */
export function parametersFor(points: readonly Point[], perplexity: number): number | undefined {
  const end = points.findIndex(([, low], i) => i > 0 && low <= perplexity && perplexity <= points[i - 1][1]);
  if (end < 0) return undefined;
  const [[size, high], [larger, low]] = [points[end - 1], points[end]];
  if (low >= high) return undefined;
  const way = Math.log(high / perplexity) / Math.log(high / low);
  return size * (larger / size) ** way;
}

const pairs: readonly (readonly [Kind, Kind])[] = [
  ["memory", "plain"],
  ["both", "xl"],
];

function equivalents(results: Results, corpus: string): ReportTable {
  const rows = pairs.flatMap(([kind, reference]) => {
    const references = curve(results, corpus, reference);
    return curve(results, corpus, kind).map(([parameters, perplexity]) => {
      const isBeyond = references.length > 0 && references.every(([, other]) => other > perplexity);
      const needed = isBeyond ? references.at(-1)?.[0] : parametersFor(references, perplexity);
      const more = isBeyond ? "more than " : "";
      const size = needed === undefined ? UNKNOWN : `${more}${wholeNumber(needed)}`;
      const times = needed === undefined ? UNKNOWN : `${more}${(needed / parameters).toFixed(1)} times`;
      return [
        `${kinds[kind].label} against ${reference}`,
        wholeNumber(parameters),
        perplexityText(perplexity),
        size,
        times,
      ];
    });
  });
  const header = ["model", "parameters", "perplexity", "parameters without memory", "larger"];
  return { kind: "table", title: `Equally good on ${corpus}`, header, rows };
}

function findings(results: Results, corpus: string): Finding[] {
  return pairs.map(([kind, reference]) => {
    const both = WIDTHS.map((width) => {
      return [kind, reference].map((each) => results.perplexity(corpus, ofWidth(kinds[each], width).name));
    });
    const known = both.flatMap(([ours, theirs]) =>
      ours === undefined || theirs === undefined ? [] : [[ours, theirs]],
    );
    return {
      claim: `${corpus}: memory helps ${reference} models of every size`,
      found: both.map(([ours, theirs]) => `${perplexityText(ours)} for ${perplexityText(theirs)}`).join(", "),
      holds: known.length === both.length ? known.every(([ours, theirs]) => ours < theirs) : undefined,
    };
  });
}

function chart(results: Results, corpus: string) {
  const labels = { title: `Test perplexity on ${corpus}`, x: "parameters", y: "perplexity" };
  const lines = Object.entries(kinds).map(([kind, { label }]) => {
    return { name: label, points: curve(results, corpus, kind as Kind) };
  });
  return { kind: "lines", octaves: true, labels, lines: drawn(lines) } as const;
}
