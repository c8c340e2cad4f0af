/** Section 4.6: which tokens a memory helps, over one long document, and what it retrieves for them. */
import type { TokenizedDocument } from "../data/corpus.ts";
import { type Inspection, inspect } from "../inspect/inspect.ts";
import { gainOf, summarize, type TokenGroup } from "../inspect/inspection-summary.ts";
import type { Finding, ReportChart, ReportTable, ReportText } from "../report/experiment-report.ts";
import { writeInspectionPage } from "../report/html/inspection-page.ts";
import { InspectedText } from "../report/inspected-text.ts";
import { inspectionTables } from "../report/inspection-table.ts";
import { wholeNumber } from "../report/progress.ts";
import { wordsOfTokens } from "../text/words.ts";
import { both } from "./lab/compared.ts";
import type { ExperimentCorpus } from "./lab/corpus.ts";
import type { Experiment, TrainedCell } from "./lab/experiment.ts";
import { UNKNOWN } from "./lab/reporting.ts";
import type { Measurements, Results } from "./lab/results.ts";

/** Length of the list of tokens that gained most. */
const MOST_GAINED = 12;
/** Bars along the document. */
const STRETCHES = 64;
/** Lower bounds of the groups by frequency: occurrences of a token in a million of the training text. */
const FREQUENCIES = [0, 10, 100, 1000, 10_000];

const cell = { ...both, measure: inspectLongest };

/** Groupings in the order of the report: key, title, and the meaning of a group's name. */
const GROUPINGS = [
  ["frequency", "Gain by frequency in training", "occurrences of the token in a million of the training text"],
  ["occurrences", "Gain by occurrence in the document", "occurrences of the token's word so far, this one included"],
  ["kinds", "Gain by kind of word", "kind of the token's word"],
  ["distances", "Gain by distance", "tokens back to the pair with the largest share"],
  ["stretches", "Gain along the document", "first token of a stretch"],
] as const;

export const tokens: Experiment = {
  name: "tokens",
  summary: "which tokens gain, by frequency, kind and distance, and what was retrieved for them",
  title: "Which tokens a memory helps",
  paper:
    "The paper, section 4.6: the tokens that gain are rare ones, names and lemmas above all; 8 of 10 lemmas that were looked at " +
    "retrieved the definition that they needed.",
  cells: [cell],
  evalTokens: 32_768,
  report: (results) => ({
    question:
      "One model reads the longest test document twice, with its memory and without. For which tokens does the memory " +
      "save how much, and from where?",
    findings: results.corpora.map((corpus) => rareGain(results, corpus)),
    parts: results.corpora.flatMap((corpus) => partsFor(results, corpus)),
  }),
};

function partsFor(results: Results, corpus: string): (ReportTable | ReportChart | ReportText)[] {
  const { groups = {}, texts = {} } = results.measurements(corpus, cell.name);
  const charts = GROUPINGS.flatMap(([key, title, x]) => {
    return groups[key] === undefined
      ? []
      : [chart(`${title}, on ${corpus}`, x, groups[key], key === "stretches" ? 8 : 1)];
  });
  const tables = GROUPINGS.slice(0, 1).flatMap(([key, title]) => {
    return groups[key] === undefined ? [] : [table(`${title}, on ${corpus}`, groups[key])];
  });
  const listings = Object.entries(texts).map(([title, text]): ReportText => {
    return { kind: "text", title: `${corpus}: ${title}`, text };
  });
  return [...charts, ...tables, ...listings];
}

function chart(title: string, x: string, groups: readonly TokenGroup[], labelEvery: number): ReportChart {
  const bars = groups.map(({ name, tokens, nats, natsWithout }) => {
    const value = natsWithout - nats;
    return { label: name, value, detail: `${name}: ${value.toFixed(3)} nats, ${wholeNumber(tokens)} tokens` };
  });
  return { kind: "bars", labels: { title, x, y: "mean gain, nats a token" }, bars, labelEvery };
}

function table(title: string, groups: readonly TokenGroup[]): ReportTable {
  const rows = groups.map(({ name, tokens, nats, natsWithout }) => {
    return [name, wholeNumber(tokens), natsWithout.toFixed(3), nats.toFixed(3), (natsWithout - nats).toFixed(3)];
  });
  const header = ["in a million tokens of training", "tokens", "nats without", "with", "gain"];
  return { kind: "table", title, header, rows };
}

function rareGain(results: Results, corpus: string): Finding {
  const groups = results.measurements(corpus, cell.name).groups?.frequency ?? [];
  const gains = groups.map(({ nats, natsWithout }) => natsWithout - nats);
  return {
    claim: `${corpus}: the rarest tokens gain more than the most frequent ones`,
    found: gains.length > 0 ? gains.map((gain) => gain.toFixed(3)).join(", ") : UNKNOWN,
    holds: gains.length > 1 ? gains[0] > gains[gains.length - 1] : undefined,
  };
}

async function inspectLongest({ model, corpus, evalTokens, artifacts }: TrainedCell): Promise<Measurements> {
  const { tokenizer } = corpus;
  const document = longest(corpus.test);
  const ids = document.tokens().subarray(0, evalTokens + 1);
  const inspection = await inspect(model, tokenizer, ids, { name: document.name });
  const text = new InspectedText(inspection, tokenizer);
  const summary = summarize(inspection, wordsOfTokens(text.texts), MOST_GAINED);
  writeInspectionPage(`${artifacts}/inspection.html`, inspection, summary, text);
  const { kinds, occurrences, distances } = summary;
  const groups = {
    frequency: byFrequency(inspection, corpus),
    occurrences: withoutChance(occurrences, inspection),
    kinds: withoutChance(kinds, inspection),
    distances: withoutChance(distances, inspection),
    stretches: stretches(inspection),
  };
  return {
    groups,
    texts: { [`${document.name}, read with and without memory`]: inspectionTables(inspection, summary, text) },
  };
}

function longest(documents: readonly TokenizedDocument[]): TokenizedDocument {
  return documents.reduce((best, document) => (document.tokens().length > best.tokens().length ? document : best));
}

/** Leaves out groups of less than a thousandth of the tokens, whose means are chance. */
function withoutChance(groups: readonly TokenGroup[], { ids }: Inspection): TokenGroup[] {
  return groups.filter(({ tokens }) => tokens >= (ids.length - 1) / 1000);
}

function byFrequency(inspection: Inspection, { train, tokenizer }: ExperimentCorpus): TokenGroup[] {
  const counts = new Float64Array(tokenizer.vocabSize);
  let all = 0;
  for (const document of train) {
    for (const id of document.tokens()) counts[id]++;
    all += document.tokens().length;
  }
  const perMillion = (token: number) => (1e6 * counts[inspection.ids[token]]) / Math.max(1, all);
  return FREQUENCIES.flatMap((from, i) => {
    const below = FREQUENCIES[i + 1] ?? Number.POSITIVE_INFINITY;
    const name =
      below === Number.POSITIVE_INFINITY
        ? `from ${wholeNumber(from)}`
        : `${wholeNumber(from)} to ${wholeNumber(below)}`;
    return group(inspection, name, (token) => perMillion(token) >= from && perMillion(token) < below);
  });
}

function stretches(inspection: Inspection): TokenGroup[] {
  const length = Math.ceil((inspection.ids.length - 1) / STRETCHES);
  return Array.from({ length: STRETCHES }, (_, i) => 1 + i * length).flatMap((first) => {
    return group(inspection, wholeNumber(first), (token) => token >= first && token < first + length);
  });
}

/** Returns the predictions that `has` accepts as a list of one group, or an empty list if it accepts none. */
function group(inspection: Inspection, name: string, has: (token: number) => boolean): TokenGroup[] {
  const { ids, nats } = inspection;
  const members = Array.from(ids.keys()).filter((token) => token > 0 && has(token));
  if (members.length === 0) return [];
  const mean = (of: (token: number) => number) => members.reduce((sum, token) => sum + of(token), 0) / members.length;
  const natsWith = mean((token) => nats[token]);
  return [
    {
      name,
      tokens: members.length,
      nats: natsWith,
      natsWithout: natsWith + mean((token) => gainOf(inspection, token)),
    },
  ];
}
