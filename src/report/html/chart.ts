/**
 * Charts in SVG: axes with labels, and bars or lines; scatter.ts has points. Colours and fonts come from styles.ts, so a chart is readable
 * on light and on dark. Every mark has its numbers as a tooltip. chart-frame.ts puts a chart on a page or in a file.
 */
import { escapeHtml } from "./escape.ts";
import { fixed, octaveScale, type Scale, scaleOf } from "./scale.ts";

/** Words around a chart. */
export interface ChartLabels {
  /** Above it. */
  readonly title: string;
  /** Along the horizontal axis. */
  readonly x: string;
  /** Along the vertical axis. */
  readonly y: string;
}

/** A bar. */
export interface Bar {
  /** Below it. */
  readonly label: string;
  /** Its height; below 0 it hangs. */
  readonly value: number;
  /** Text of the tooltip. */
  readonly detail: string;
}

/** A line. */
export interface Line {
  /** Its name in the legend. */
  readonly name: string;
  /** Points, ascending in x. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A drawn chart, without title and legend. */
export interface Chart {
  /** Words around it. */
  readonly labels: ChartLabels;
  /** SVG elements in a box of WIDTH times `height`. */
  readonly drawing: string;
  /** Height of the box. */
  readonly height: number;
  /** Names of the lines, in the order of their styles; empty for bars. */
  readonly lines: readonly string[];
}

/** Width in units that are pixels if the chart has its full width. */
export const WIDTH = 640;
/** Where every plot begins, on the left and at the top. */
export const LEFT = 70;
export const TOP = 12;
const PLOT_WIDTH = WIDTH - LEFT - 10;
const PLOT_END = TOP + 220;

/** Where a plot ends. */
export interface PlotEnd {
  readonly right: number;
  readonly bottom: number;
}

const WHOLE: PlotEnd = { right: LEFT + PLOT_WIDTH, bottom: PLOT_END };

/** Draws evenly spaced bars from zero up or down. Every `labelEvery`-th bar has a label. */
export function barChart(labels: ChartLabels, bars: readonly Bar[], labelEvery = 1): Chart {
  const values = bars.map(({ value }) => value);
  const y = scaleOf(Math.min(0, ...values), Math.max(0, ...values), PLOT_END, TOP);
  const slot = PLOT_WIDTH / Math.max(1, bars.length);
  const marks = bars.map(({ value, detail }, i) => {
    const [top, bottom] = [y.at(Math.max(0, value)), y.at(Math.min(0, value))];
    const box = `x="${fixed(LEFT + (i + 0.1) * slot)}" y="${fixed(top)}" width="${fixed(0.8 * slot)}"`;
    const kind = value < 0 ? "harm" : "gain";
    return `<rect class="${kind}" ${box} height="${fixed(bottom - top)}"><title>${escapeHtml(detail)}</title></rect>`;
  });
  const ticks = bars.map(({ label }, i) => ({ at: LEFT + (i + 0.5) * slot, label }));
  const shown = ticks.filter((_, i) => i % labelEvery === 0);
  return chart(labels, [...gridLines(y, WHOLE), ...marks, axisLine(y.at(0), WHOLE)], shown, []);
}

/** Draws lines over a continuous x, from its least to its greatest value; with `octaves`, x is logarithmic, with ticks at powers of two. */
export function lineChart(labels: ChartLabels, lines: readonly Line[], octaves = false): Chart {
  const points = lines.flatMap((line) => line.points);
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const xScale = octaves ? octaveScale : scaleOf;
  const x = xScale(Math.min(...xs), Math.max(...xs), LEFT, LEFT + PLOT_WIDTH);
  const y = scaleOf(Math.min(...ys), Math.max(...ys), PLOT_END, TOP);
  const marks = lines.map(({ name, points }, i) => {
    const path = points.map(([px, py]) => `${fixed(x.at(px))},${fixed(y.at(py))}`).join(" ");
    const line = `<polyline class="line line-${i % LINE_STYLES}" points="${path}"><title>${escapeHtml(name)}</title></polyline>`;
    if (points.length > MOST_DOTS) return line;
    const dots = points.map(([px, py]) => {
      const detail = `${name}: ${px.toLocaleString("en-US")}, ${py.toPrecision(4)}`;
      const place = `cx="${fixed(x.at(px))}" cy="${fixed(y.at(py))}"`;
      return `<circle class="dot line-${i % LINE_STYLES}" ${place} r="3"><title>${escapeHtml(detail)}</title></circle>`;
    });
    return [line, ...dots].join("");
  });
  const ticks = thinned(x.ticks.map((tick) => ({ at: x.at(tick), label: x.label(tick) })));
  const names = lines.map(({ name }) => name);
  return chart(labels, [...gridLines(y, WHOLE), ...marks, axisLine(PLOT_END, WHOLE)], ticks, names);
}

/** Number of styles, which lines take in turn. */
export const LINE_STYLES = 8;

/** Lines with more points than this have no marks. */
const MOST_DOTS = 40;

/** A label below the plot that ends at x = `at`. */
export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** Puts marks, labels of ticks and of axes together; `lines` are the names in the legend. */
export function chart(
  labels: ChartLabels,
  marks: readonly string[],
  ticks: readonly Tick[],
  lines: readonly string[],
  { right, bottom }: PlotEnd = WHOLE,
): Chart {
  const [middleX, middleY] = [(LEFT + right) / 2, (TOP + bottom) / 2];
  const slants = !fitSideBySide(ticks);
  const longest = Math.max(0, ...ticks.map(({ label }) => label.length));
  const height = bottom + 46 + (slants ? 5 * longest : 0); // labels of ticks, then that of the axis
  const axes = [
    `<text class="axis-label" x="${middleX}" y="${fixed(height - 8)}" text-anchor="middle">${escapeHtml(labels.x)}</text>`,
    `<text class="axis-label" transform="translate(13 ${middleY}) rotate(-90)" text-anchor="middle">${escapeHtml(labels.y)}</text>`,
  ];
  const below = ticks.map((tick) => (slants ? slantedLabel(tick, bottom) : levelLabel(tick, bottom)));
  return { labels, drawing: [...marks, ...below, ...axes].join("\n"), height, lines };
}

/** Lines across the plot at the ticks of a vertical scale, with their labels. */
export function gridLines({ ticks, at, label }: Scale, { right }: PlotEnd): string[] {
  return ticks.map((tick) => {
    const y = fixed(at(tick));
    const text = `<text class="tick" x="${LEFT - 6}" y="${y}" dy="0.32em" text-anchor="end">${label(tick)}</text>`;
    return `<line class="grid" x1="${LEFT}" x2="${right}" y1="${y}" y2="${y}"/>${text}`;
  });
}

/** The horizontal axis. */
export function axisLine(y: number, { right }: PlotEnd): string {
  return `<line class="axis" x1="${LEFT}" x2="${right}" y1="${fixed(y)}" y2="${fixed(y)}"/>`;
}

/** Width of a letter of a label, in the larger letters of narrow pages. */
const LETTER = 11;

/** Whether the labels of ascending ticks have room beside each other. */
function fitSideBySide(ticks: readonly Tick[]): boolean {
  return ticks.every(({ at, label }, i) => {
    const before = i === 0 ? undefined : ticks[i - 1];
    return before === undefined || at - before.at >= ((label.length + before.label.length) / 2 + 1) * LETTER;
  });
}

/** As many of the ticks as have room side by side: all, or every second, and so on; the last is among them. */
function thinned(ticks: readonly Tick[]): readonly Tick[] {
  if (fitSideBySide(ticks)) return ticks;
  return thinned(ticks.filter((_, i) => (ticks.length - 1 - i) % 2 === 0));
}

/** A label under its tick; at the right edge it ends there. */
function levelLabel({ at, label }: Tick, bottom: number): string {
  const end = at + (label.length * LETTER) / 2;
  const [x, anchor] = end > WIDTH ? [WIDTH, "end"] : [at, "middle"];
  return `<text class="tick below" x="${fixed(x)}" y="${bottom + 17}" text-anchor="${anchor}">${escapeHtml(label)}</text>`;
}

function slantedLabel({ at, label }: Tick, bottom: number): string {
  const place = `translate(${fixed(at + 3)} ${bottom + 14}) rotate(-35)`;
  return `<text class="tick below" transform="${place}" text-anchor="end">${escapeHtml(label)}</text>`;
}
