/**
 * Charts in SVG: axes with labels, and bars or lines. Colours and fonts come from styles.ts, so a chart is readable on light
 * and on dark. Every mark has its numbers as a tooltip. chart-frame.ts puts a chart on a page or in a file.
 */
import { escapeHtml } from "./escape.ts";

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
const LEFT = 70;
const RIGHT = 10;
const TOP = 12;
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;
const PLOT_HEIGHT = 160;
const PLOT_END = TOP + PLOT_HEIGHT;

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
  return chart(labels, [...gridLines(y), ...marks, axisLine(y.at(0))], shown, []);
}

/** Draws lines over a continuous x, from its least to its greatest value; with `octaves`, x is logarithmic. */
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
  const ticks = x.ticks.map((tick) => ({ at: x.at(tick), label: x.label(tick) }));
  const names = lines.map(({ name }) => name);
  return chart(labels, [...gridLines(y), ...marks, axisLine(PLOT_END)], ticks, names);
}

/** Number of styles, which lines take in turn. */
export const LINE_STYLES = 8;

/** Lines with more points than this have no marks. */
const MOST_DOTS = 40;

/** A label below the plot that ends at x = `at`. */
interface Tick {
  readonly at: number;
  readonly label: string;
}

function chart(labels: ChartLabels, marks: readonly string[], ticks: readonly Tick[], lines: readonly string[]): Chart {
  const [middleX, middleY] = [LEFT + PLOT_WIDTH / 2, TOP + PLOT_HEIGHT / 2];
  const longest = Math.max(0, ...ticks.map(({ label }) => label.length));
  const height = PLOT_END + 44 + 3.6 * longest; // slanted labels, then that of the axis
  const axes = [
    `<text class="axis-label" x="${middleX}" y="${fixed(height - 8)}" text-anchor="middle">${escapeHtml(labels.x)}</text>`,
    `<text class="axis-label" transform="translate(13 ${middleY}) rotate(-90)" text-anchor="middle">${escapeHtml(labels.y)}</text>`,
  ];
  return { labels, drawing: [...marks, ...ticks.map(slantedLabel), ...axes].join("\n"), height, lines };
}

function gridLines({ ticks, at, label }: Scale): string[] {
  return ticks.map((tick) => {
    const y = fixed(at(tick));
    const text = `<text class="tick" x="${LEFT - 6}" y="${y}" dy="0.32em" text-anchor="end">${label(tick)}</text>`;
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/>${text}`;
  });
}

function axisLine(y: number): string {
  return `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${fixed(y)}" y2="${fixed(y)}"/>`;
}

function slantedLabel({ at, label }: Tick): string {
  const place = `translate(${fixed(at + 3)} ${PLOT_END + 14}) rotate(-35)`;
  return `<text class="tick" transform="${place}" text-anchor="end">${escapeHtml(label)}</text>`;
}

interface Scale {
  at(value: number): number;
  readonly ticks: readonly number[];
  label(tick: number): string;
}

/** Maps values from `least` to `most`, rounded outwards to ticks, to coordinates from `begin` to `end`. */
function scaleOf(least: number, most: number, begin: number, end: number): Scale {
  const step = tickStep(most - least);
  const [first, last] = [Math.floor(least / step), Math.max(Math.ceil(most / step), Math.floor(least / step) + 1)];
  const at = (value: number) => begin + ((value / step - first) / (last - first)) * (end - begin);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return {
    at,
    ticks: Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step),
    label: (tick) => numberLabel(tick, digits),
  };
}

/** Maps values above 0 by their logarithms, with ticks at powers of two. */
function octaveScale(least: number, most: number, begin: number, end: number): Scale {
  const [first, last] = [Math.log2(least), Math.max(Math.log2(most), Math.log2(least) + 1)];
  const octaves = Math.floor(last + 1e-9) - Math.ceil(first - 1e-9) + 1;
  return {
    at: (value) => begin + ((Math.log2(value) - first) / (last - first)) * (end - begin),
    ticks: Array.from({ length: octaves }, (_, i) => 2 ** (Math.ceil(first - 1e-9) + i)),
    label: (tick) => numberLabel(tick, 0),
  };
}

function numberLabel(value: number, digits: number): string {
  const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString("en-US", fraction).replace("-", "−");
}

/** Returns 1, 2 or 5 times a power of ten, so that about five steps make up `range`. */
function tickStep(range: number): number {
  if (!(range > 0)) return 1;
  const rough = range / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
}

function fixed(coordinate: number): string {
  return coordinate.toFixed(1);
}
