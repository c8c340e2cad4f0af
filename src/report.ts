/**
 * The parts of reports, for pages that show a model at work: charts, the coloured text, the panel of one token, their styles, and what
 * xz would need.
 * Re-exports only. Nothing here needs the engine; the classes of the text and the panel need a browser.
 */
export { type Bar, barChart, type Chart, type ChartLabels, type Line, lineChart } from "./report/html/chart.ts";
export { figure } from "./report/html/chart-frame.ts";
export { Panel } from "./report/html/client/panel.ts";
export type { FileOfText } from "./report/html/client/place-of-line.ts";
export { levelOf, type ShownPair, type ShownReport } from "./report/html/client/shown-report.ts";
export { TextView } from "./report/html/client/text-view.ts";
export { TokenText } from "./report/html/client/token-text.ts";
export { escapeHtml } from "./report/html/escape.ts";
export { markedToken } from "./report/html/marked-token.ts";
export { styles } from "./report/html/styles.ts";
export { type Excerpt, type InspectedIds, InspectedText } from "./report/inspected-text.ts";
export { XzSize } from "./report/xz/xz-size.ts";
