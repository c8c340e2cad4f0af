/** A page with the staleness of a run's memories: the distance of remembered keys from those of the present weights. */
import { writeFileAtomic } from "../../platform/atomic-write.ts";
import type { MetricsLine } from "../../train/step-metrics.ts";
import { lineChart } from "./chart.ts";
import { figure } from "./chart-frame.ts";
import { escapeHtml } from "./escape.ts";
import { htmlPage } from "./page.ts";
import { styles } from "./styles.ts";

/** Number of lines that a reader can tell apart. */
const LINES = 5;

interface Measurement {
  readonly step: number;
  readonly keyCosines: readonly number[];
}

/** Writes the page of the run called `name` to `path`; nothing if no staleness was measured. */
export function writeStalenessPage(path: string, name: string, metrics: readonly MetricsLine[]): void {
  const measured = metrics.flatMap((line) => {
    const cosines = "keyCosines" in line ? (line.keyCosines ?? []) : [];
    return cosines.length > 0 ? [{ step: line.step, keyCosines: cosines }] : [];
  });
  if (measured.length > 0) writeFileAtomic(path, stalenessPage(name, measured));
}

function stalenessPage(name: string, measured: readonly Measurement[]): string {
  const title = `Staleness of the memories of ${name}`;
  const y = "mean cosine with today's key";
  const byAge = spread(measured).map(({ step, keyCosines }) => ({
    name: `step ${step}`,
    points: keyCosines.map((cosine, age) => [age + 1, cosine] as const),
  }));
  const charts = [lineChart({ title: "By age", x: "age, segments since the key was made", y }, byAge)];
  if (measured.length > 1)
    charts.push(lineChart({ title: "In the course of training", x: "step", y }, courses(measured)));
  const body = `<h1>${escapeHtml(title)}</h1>
<p>Keys in a training memory were made by earlier weights. Every so often the same tokens were read again with the weights of
that step: a cosine of 1 says that their keys have stayed where they were.</p>
<div class="charts">${charts.map(figure).join("\n")}</div>`;
  return htmlPage({ title, styles, body });
}

/** Returns lines over the steps: the newest keys, and the oldest keys at hand. */
function courses(measured: readonly Measurement[]) {
  const newest = measured.map(({ step, keyCosines }) => [step, keyCosines[0]] as const);
  const oldest = measured.map(({ step, keyCosines }) => [step, keyCosines[keyCosines.length - 1]] as const);
  return [
    { name: "newest keys", points: newest },
    { name: "oldest keys", points: oldest },
  ];
}

/** Picks at most one item per line: the first, the last, and some evenly between them. */
function spread<T>(list: readonly T[]): T[] {
  const count = Math.min(LINES, list.length);
  return Array.from({ length: count }, (_, i) => list[Math.round((i * (list.length - 1)) / Math.max(1, count - 1))]);
}
