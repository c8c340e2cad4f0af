/** `memorizing curves`: the losses that trainings found on unseen documents, as a table and as a chart (the paper's Figure 6). */
import { writeCurvesPage } from "../report/html/curves-page.ts";
import { formatTable } from "../report/table.ts";
import { curveRows, trainingCurves } from "../report/training-curves.ts";
import { readMetrics } from "../train/metrics.ts";
import { command } from "./arguments/command.ts";
import { flag, text } from "./arguments/options.ts";
import { reportPage } from "./outputs/kinds.ts";
import { forceOption, Outputs } from "./outputs/outputs.ts";
import { printJson, printText } from "./printing.ts";
import { summaries } from "./summaries.ts";

export const curvesCommand = command(
  {
    name: "memorizing curves",
    summary: summaries.curves,
    operands: ["DIR…"],
    options: {
      html: text("FILE", "gets the chart: one HTML page, for a browser"),
      force: forceOption,
      json: flag("prints the losses as JSON"),
    },
    details: () => 'DIR is the --out of a "memorizing train" that was given --eval-every and --eval-data.',
  },
  async ({ html, force, json }, runs) => {
    const page = html === undefined ? [] : [{ option: "--html", path: html, kind: reportPage }];
    const outputs = new Outputs({ outputs: page, inputs: runs.map((run) => `${run}/metrics.jsonl`), force });
    const curves = trainingCurves(runs.map((run) => ({ run, metrics: readMetrics(run) })));
    if (html !== undefined) writeCurvesPage(html, curves);
    if (json) printJson(curves, outputs.results);
    else printText(`${formatTable(curveRows(curves), ["left", "right"])}\n`, outputs.results);
    return 0;
  },
);
