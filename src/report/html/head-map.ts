/** A map of a model's layers by its kv heads: the stronger a cell's colour, the more its memory brings; chosen heads have a frame. */
import type { HeadGain } from "../../calibrate/gain-shares.ts";
import type { ReadingSettings } from "../../families/reading-settings.ts";
import { type Chart, type ChartLabels, WIDTH } from "./chart.ts";
import { escapeHtml } from "./escape.ts";

/** What is drawn. */
export interface HeadMap {
  readonly layers: number;
  readonly keyHeads: number;
  readonly heads: readonly HeadGain[];
  readonly chosen: ReadingSettings["memoryHeads"];
}

const LEFT = 56;
const TOP = 10;
const CELL_HEIGHT = 28;
const GAP = 2;
/** With more layers than this, only every fifth has a number below it. */
const MOST_LABELS = 12;

/** Draws the map: a column for each layer, a row for each kv head. */
export function headMap(labels: ChartLabels, { layers, keyHeads, heads, chosen }: HeadMap): Chart {
  const cellWidth = (WIDTH - LEFT - GAP) / layers;
  const most = Math.max(...heads.map(({ gain }) => Math.abs(gain)), Number.MIN_VALUE);
  const whole = heads.reduce((sum, { gain }) => sum + gain, 0);
  const remembers = new Set(chosen.map(String));
  const cells = heads.map(({ layer, head, gain }) => {
    const kind = `${gain < 0 ? "cell harm-cell" : "cell"}${remembers.has(String([layer, head])) ? " chosen" : ""}`;
    const place = `x="${(LEFT + layer * cellWidth).toFixed(1)}" y="${TOP + head * CELL_HEIGHT}"`;
    const size = `width="${Math.max(1, cellWidth - GAP).toFixed(1)}" height="${CELL_HEIGHT - GAP}"`;
    const opacity = Math.sqrt(Math.abs(gain) / most).toFixed(3);
    const share = whole === 0 ? "" : `, ${((100 * gain) / whole).toFixed(1)} % of the gain of all`;
    const detail = `layer ${layer}, kv head ${head}: ${gain.toFixed(5)} nats a token${share}`;
    return `<rect class="${kind}" ${place} ${size} fill-opacity="${opacity}"><title>${escapeHtml(detail)}</title></rect>`;
  });
  const bottom = TOP + keyHeads * CELL_HEIGHT;
  const rows = Array.from({ length: keyHeads }, (_, head) => {
    const y = TOP + (head + 0.5) * CELL_HEIGHT - GAP / 2;
    return `<text class="tick" x="${LEFT - 8}" y="${y}" dy="0.34em" text-anchor="end">${head}</text>`;
  });
  const every = layers > MOST_LABELS ? 5 : 1;
  const columns = Array.from({ length: Math.ceil(layers / every) }, (_, i) => {
    const x = LEFT + (i * every + 0.5) * cellWidth - GAP / 2;
    return `<text class="tick" x="${x.toFixed(1)}" y="${bottom + 20}" text-anchor="middle">${i * every}</text>`;
  });
  const height = bottom + 52;
  const middle = (TOP + bottom) / 2;
  const axes = [
    `<text class="axis-label" x="${(LEFT + WIDTH) / 2}" y="${height - 8}" text-anchor="middle">${escapeHtml(labels.x)}</text>`,
    `<text class="axis-label" transform="translate(18 ${middle}) rotate(-90)" text-anchor="middle">${escapeHtml(labels.y)}</text>`,
  ];
  const drawing = `<g class="map">\n${[...cells, ...rows, ...columns, ...axes].join("\n")}\n</g>`;
  return { labels, drawing, height, lines: [] };
}
