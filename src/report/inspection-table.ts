/** An inspection for the terminal: the memory's gain by groups of tokens, and the tokens that it helped most. */
import { perplexityOf } from "../base/perplexity.ts";
import { printable } from "../base/printable.ts";
import type { Inspection } from "../inspect/inspect.ts";
import { distanceTo, type InspectionSummary, type TokenGroup } from "../inspect/inspection-summary.ts";
import type { Excerpt, InspectedText } from "./inspected-text.ts";
import { perplexityChange } from "./memory-table.ts";
import { wholeNumber } from "./progress.ts";
import { formatTable } from "./table.ts";

/** Characters of text shown on either side of a token. */
const SURROUNDINGS = 30;

export function inspectionTables(inspection: Inspection, summary: InspectionSummary, text: InspectedText): string {
  const { all, kinds, occurrences, distances, documents } = summary;
  const header = ["", "tokens", "nats without", "with", "gain"];
  const groups = (title: string, list: readonly TokenGroup[]) => [[title], ...list.map(groupRow)];
  const rows = [
    header,
    ...groups("kind of word", kinds),
    ...groups("the word is there for the … time", occurrences),
    ...groups("tokens back to the best pair", distances),
  ];
  const shares = documents.map(({ document, share }) => [`  ${document}`, `${(100 * share).toFixed(1)} %`]);
  const parts = [overview(inspection, all), formatTable(rows, ["left", "right"])];
  if (shares.length === 0) return [...parts, NOTHING_RETRIEVED].join("\n\n");
  parts.push(formatTable([["retrieved from"], ...shares], ["left", "right"]));
  if (summary.mostGained.length > 0) parts.push(mostGainedList(inspection, summary, text));
  return parts.join("\n\n");
}

const NOTHING_RETRIEVED =
  "  Nothing was retrieved: the memory was empty, and the document is no longer than what the model sees without it. Take a longer\n" +
  "  document, or one that follows what a memory holds (--load).";

/** Lists the tokens that gained most, each in its context, and below it the pair with the largest share. */
export function mostGainedList(inspection: Inspection, { mostGained }: InspectionSummary, text: InspectedText): string {
  const cases = mostGained.map((token) => caseLines(inspection, text, token));
  return `  the tokens that gained most, and the pair with the largest share in each\n${cases.join("\n")}`;
}

function overview({ memorySize }: Inspection, { tokens, nats, natsWithout }: TokenGroup): string {
  const [without, withMemory] = [natsWithout, nats].map(perplexityOf);
  const change = perplexityChange(nats - natsWithout);
  const perplexities = `${without.toPrecision(4)} without memory, ${withMemory.toPrecision(4)} with ${wholeNumber(memorySize)} (${change})`;
  return `  perplexity ${perplexities}, over the same ${wholeNumber(tokens)} tokens`;
}

function groupRow({ name, tokens, nats, natsWithout }: TokenGroup): string[] {
  const gain = natsWithout - nats;
  return [`  ${name}`, wholeNumber(tokens), natsWithout.toFixed(3), nats.toFixed(3), signed(gain)];
}

function signed(nats: number): string {
  return `${nats < 0 ? "−" : "+"}${Math.abs(nats).toFixed(3)}`;
}

/** `line 12    …before [token] after…   0.1 % → 74.0 %`, and below it the retrieved pair. */
function caseLines({ nats, natsWithout, retrieved, heads }: Inspection, text: InspectedText, token: number): string {
  const probabilities = [natsWithout, nats].map((losses) => `${(100 * Math.exp(-losses[token])).toFixed(1)} %`);
  const line = `  ${text.place(token)}: ${excerptLine(text.excerpt(token, SURROUNDINGS))}  ${probabilities.join(" → ")}`;
  const best = retrieved.best(token);
  if (best === undefined) return printable(line);
  const { layer, head } = heads[best.head];
  const back = best.token < 0 ? "" : `, ${wholeNumber(distanceTo(token, best.token))} tokens back`;
  const source = `layer ${layer} head ${head}, ${text.place(best.token)}${back}, weight ${best.weight.toFixed(2)}`;
  const from = `    from ${source}: ${excerptLine(text.excerpt(best.token, SURROUNDINGS))}`;
  return [line, from].map(printable).join("\n");
}

/** `before [token] after` in one line, with a dot for each control character. */
function excerptLine({ before, token, after }: Excerpt): string {
  return `${before}[${token}]${after}`.replaceAll("\n", "⏎").replaceAll(/\p{Cc}/gu, "·");
}
