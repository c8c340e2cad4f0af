/** The report of a calibration as a page: a map of the heads that remember, what sets of them bring and cost. It has no script. */
import { shareOfGain } from "../../calibrate/choose-heads.ts";
import { type CalibrationResult, setSummaries } from "../../calibrate/result.ts";
import { writeFileAtomic } from "../../platform/atomic-write.ts";
import { CALIBRATION_COLUMNS, calibrationRows, gainText } from "../calibration-table.ts";
import { wholeNumber } from "../progress.ts";
import { lineChart } from "./chart.ts";
import { figure } from "./chart-frame.ts";
import { escapeHtml } from "./escape.ts";
import { table } from "./experiment-page.ts";
import { headMap } from "./head-map.ts";
import { htmlPage } from "./page.ts";
import { styles } from "./styles.ts";

/** Writes the report to `path`. */
export function writeCalibrationPage(path: string, result: CalibrationResult): void {
  writeFileAtomic(path, calibrationPage(result));
}

export function calibrationPage(result: CalibrationResult): string {
  const { name, documents, tokens } = result;
  const title = `Which heads of ${name} remember`;
  const body = [
    `<h1>${escapeHtml(title)}</h1>`,
    figures(result),
    `<div class="charts">${charts(result).map(figure).join("\n")}</div>`,
    `<p class="note">Blue: a memory in this kv head lowers the loss, the more the stronger the colour. Orange: it raises it. Framed: chosen.</p>`,
    table({
      kind: "table",
      title: "Sets of heads",
      header: CALIBRATION_COLUMNS,
      rows: calibrationRows(result),
      note: `Loss in nats a token, over the same ${wholeNumber(tokens)} tokens in every line.`,
    }),
    `<h2>Chosen</h2>\n<p><code>--memory-layers ${escapeHtml(setSummaries(result).chosen.memory_layers)}</code></p>`,
    `<h2>Read</h2>\n<ul>${documents.map((document) => `<li>${escapeHtml(document)}</li>`).join("")}</ul>`,
  ];
  return htmlPage({ title, styles, body: body.join("\n") });
}

function figures({ choice }: CalibrationResult): string {
  const { sets, chosen } = choice;
  const all = sets[sets.length - 1];
  const list = [
    ["loss without memory", sets[0].loss.toFixed(4)],
    [`in all ${all.heads.length} heads`, all.loss.toFixed(4)],
    [`in the ${chosen.heads.length} chosen`, chosen.loss.toFixed(4)],
    ["of the gain of all", gainText(shareOfGain(chosen, sets))],
    ["bytes a token", wholeNumber(chosen.bytesPerToken)],
  ].map(([term, value]) => `<div><dt>${term}</dt><dd>${value}</dd></div>`);
  return `<dl class="figures">${list.join("")}</dl>`;
}

function charts({ layers, keyHeads, ranking, choice }: CalibrationResult) {
  const map = { layers, keyHeads, heads: ranking.heads, chosen: choice.chosen.heads };
  const points = choice.sets.map(({ heads, loss }) => [heads.length, loss] as const).filter(([count]) => count > 0);
  return [
    headMap({ title: "What the memory of each kv head brings", x: "layer", y: "kv head" }, map),
    lineChart(
      { title: "Loss by the number of heads that remember", x: "heads that remember", y: "nats a token" },
      [{ name: "the best heads", points }],
      true,
    ),
  ];
}
