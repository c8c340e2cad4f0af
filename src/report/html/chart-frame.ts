/** Frames for a chart: a figure on a page, or a picture in its own file. */
import { type Chart, type ChartLabels, LINE_STYLES, WIDTH } from "./chart.ts";
import { escapeHtml } from "./escape.ts";
import { pictureStyles } from "./styles.ts";

/** Returns HTML for a page with the styles of styles.ts. */
export function figure(chart: Chart): string {
  const { labels, drawing, height, lines } = chart;
  const keys = lines.map((name, i) => `<span class="key">${keyLine(i)} ${escapeHtml(name)}</span>`);
  return `<figure class="chart">
<figcaption>${escapeHtml(labels.title)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${height.toFixed(1)}" ${spokenLabel(chart)}>
${drawing}
</svg>
<p class="axes" aria-hidden="true">${escapeHtml(axesOf(labels))}</p>
${lines.length === 0 ? "" : `<p class="legend">${keys.join(" ")}</p>\n`}</figure>`;
}

/** A piece of a line as it is drawn in the chart, dashed as that is. */
function keyLine(index: number): string {
  return `<svg class="key-line" viewBox="0 0 30 8" aria-hidden="true"><line class="line ${lineStyle(index)}" x1="0" x2="30" y1="4" y2="4"/></svg>`;
}

/** Heights and widths in units of the chart: the title above it, the legend below it in two columns. */
const TITLE_HEIGHT = 30;
const KEY_HEIGHT = 18;
const KEY_COLUMNS = 2;
const MARGIN = 10;

/** Returns a complete SVG file, for documents such as Markdown. It is light or dark as the reader's system prefers. */
export function svgFile(chart: Chart): string {
  const { labels, drawing, height, lines } = chart;
  const keysTop = TITLE_HEIGHT + height + KEY_HEIGHT;
  const whole = keysTop + Math.ceil(lines.length / KEY_COLUMNS) * KEY_HEIGHT;
  const keys = lines.map((name, i) => {
    const x = MARGIN + (i % KEY_COLUMNS) * (WIDTH / KEY_COLUMNS);
    const y = keysTop + Math.floor(i / KEY_COLUMNS) * KEY_HEIGHT;
    const line = `<line class="line ${lineStyle(i)}" x1="${x}" x2="${x + 28}" y1="${y - 4}" y2="${y - 4}"/>`;
    return `${line}<text x="${x + 34}" y="${y}">${escapeHtml(name)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${WIDTH} ${whole.toFixed(1)}" ${spokenLabel(chart)}>
<style>${pictureStyles}</style>
<rect class="paper" width="${WIDTH}" height="${whole.toFixed(1)}"/>
<text class="title" x="${MARGIN}" y="20">${escapeHtml(labels.title)}</text>
<g transform="translate(0 ${TITLE_HEIGHT})">
${drawing}
</g>
${keys.join("\n")}
</svg>
`;
}

function lineStyle(index: number): string {
  return `line-${index % LINE_STYLES}`;
}

function spokenLabel({ labels }: Chart): string {
  return `role="img" aria-label="${escapeHtml(`${labels.title}: ${axesOf(labels)}`)}"`;
}

/** Both axes in words, which a chart shows where it is too narrow for labels along them. */
function axesOf({ x, y }: ChartLabels): string {
  return `${y} by ${x}`;
}
