/** A page with the losses on unseen documents in the course of trainings (the paper's Figure 6). */
import { writeFileAtomic } from "../../platform/atomic-write.ts";
import { curveName, curveRows, type TrainingCurve } from "../training-curves.ts";
import { lineChart } from "./chart.ts";
import { figure } from "./chart-frame.ts";
import { escapeHtml } from "./escape.ts";
import { htmlPage } from "./page.ts";
import { styles } from "./styles.ts";
import { htmlTable } from "./table.ts";

/** Writes the page to `path`. */
export function writeCurvesPage(path: string, curves: readonly TrainingCurve[]): void {
  const title = "Loss on unseen documents in the course of training";
  const lines = curves.map((curve) => ({ name: curveName(curve), points: curve.points }));
  const chart = lineChart({ title, x: "step", y: "mean loss, nats a token" }, lines);
  const [header, ...rows] = curveRows(curves);
  const body = `<h1>${escapeHtml(title)}</h1>
<p>Each run was evaluated from time to time on documents that it does not learn from, without and with its memory. Runs can be compared if these were the same documents.</p>
<div class="charts">${figure(chart)}</div>
${htmlTable(header, rows)}`;
  writeFileAtomic(path, htmlPage({ title, styles, body }));
}
