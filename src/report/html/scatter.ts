/**
 * A scatter chart. Names stand in a column beside the plot, in the order of their points' heights, each at the end of a line from its
 * point: so every point is named in its place, and no name lies on another, however close the points are.
 */
import { axisLine, type Chart, type ChartLabels, chart, gridLines, LEFT, type PlotEnd, TOP, WIDTH } from "./chart.ts";
import { escapeHtml } from "./escape.ts";
import { fixed, ratioScale, scaleOf } from "./scale.ts";

/** A point with its name. */
export interface LabelledPoint {
  readonly label: string;
  readonly x: number;
  readonly y: number;
}

/** Width of the column of names, for some 17 letters, and height of a name, in the larger letters of narrow pages. */
const NAMES_WIDTH = 250;
const NAME_HEIGHT = 24;
const LEAST_HEIGHT = 200;
const RIGHT = WIDTH - NAMES_WIDTH;
/** From the plot to the ends of the lines, and to the names. */
const TURN = 32;
const NAMES = RIGHT + TURN + 4;

/** Draws points with their names; with `logarithmic`, both axes are, and all numbers are above 0. */
export function scatterChart(labels: ChartLabels, points: readonly LabelledPoint[], logarithmic = false): Chart {
  const end: PlotEnd = { right: RIGHT, bottom: TOP + Math.max(LEAST_HEIGHT, points.length * NAME_HEIGHT) };
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const scale = logarithmic ? ratioScale : scaleOf;
  const x = scale(Math.min(...xs), Math.max(...xs), LEFT + 8, RIGHT - 8);
  const y = scale(Math.min(...ys), Math.max(...ys), end.bottom - 8, TOP + 4);
  const placed = points
    .map(({ label, ...at }) => ({ label, at, px: x.at(at.x), py: y.at(at.y) }))
    .toSorted((a, b) => a.py - b.py || b.px - a.px);
  const heights = spread(
    placed.map(({ py }) => py),
    NAME_HEIGHT,
    end.bottom,
  );
  const lines = placed.map(({ px, py }, i) => {
    const turn = `${RIGHT},${fixed(py)}`;
    const path = `${fixed(px)},${fixed(py)} ${turn} ${RIGHT + TURN},${fixed(heights[i])}`;
    return `<polyline class="leader" points="${path}"/>`;
  });
  const dots = placed.map(({ label, at, px, py }, i) => {
    const detail = `${label}: ${at.x.toLocaleString("en-US", { maximumFractionDigits: 1 })}, ${at.y.toPrecision(4)}`;
    const dot = `<circle class="dot line-0" cx="${fixed(px)}" cy="${fixed(py)}" r="4"><title>${escapeHtml(detail)}</title></circle>`;
    return `${dot}<text class="name" x="${NAMES}" y="${fixed(heights[i])}" dy="0.32em">${escapeHtml(label)}</text>`;
  });
  const ticks = x.ticks.map((tick) => ({ at: x.at(tick), label: x.label(tick) }));
  return chart(labels, [...gridLines(y, end), ...lines, ...dots, axisLine(end.bottom, end)], ticks, [], end);
}

/** Moves ascending places apart until neighbours keep `gap`, none beyond `end`, and returns them. */
export function spread(places: readonly number[], gap: number, end: number): number[] {
  const moved = [...places];
  for (let i = 1; i < moved.length; i++) moved[i] = Math.max(moved[i], moved[i - 1] + gap);
  for (let i = moved.length - 1, most = end; i >= 0; i--, most -= gap) moved[i] = Math.min(moved[i], most);
  return moved;
}
