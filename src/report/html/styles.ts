/**
 * Styles of all pages. Gain is blue and harm orange, which every kind of colour blindness tells apart. Harm in the text is
 * also dotted, for greyscale. Pages are light or dark as the reader's system prefers.
 */
type Palette = Readonly<Record<string, string>>;

const light: Palette = {
  paper: "#fcfcfa",
  raised: "#ffffff",
  ink: "#1d2024",
  faint: "#5c636b",
  rule: "#d9dcdf",
  gain: "20 96 200",
  harm: "214 110 10",
  link: "#0b57b5",
  mark: "#ffe27a",
  "mark-ink": "#1d2024",
};

const dark: Palette = {
  paper: "#15171a",
  raised: "#1d2024",
  ink: "#e7e9ec",
  faint: "#a2a9b1",
  rule: "#363b41",
  gain: "70 140 255",
  harm: "240 130 40",
  link: "#8ab8ff",
  mark: "#6b5600",
  "mark-ink": "#fff3c4",
};

/** Paper is light. */
const ON_DARK = "@media screen and (prefers-color-scheme: dark)";

function variables(palette: Palette): string {
  return Object.entries(palette)
    .map(([name, value]) => `--${name}: ${value};`)
    .join(" ");
}

/** Styles inside a chart, on a page and in a file. */
const chartStyles = `
.chart text { fill: var(--faint); font: 12px system-ui, sans-serif; }
.chart .axis-label { fill: var(--ink); }
.grid { stroke: var(--rule); stroke-width: 1; }
.axis { stroke: var(--faint); stroke-width: 1; }
rect.gain { fill: rgb(var(--gain)); fill-opacity: .8; }
rect.harm { fill: rgb(var(--harm)); fill-opacity: .85; }
rect.gain:hover, rect.harm:hover { stroke: var(--ink); }
.cell { fill: rgb(var(--gain)); stroke: var(--rule); stroke-width: 1; }
.harm-cell { fill: rgb(var(--harm)); }
.cell.chosen { stroke: var(--ink); stroke-width: 2.5; }
.map text { font-size: 14px; }
@media (max-width: 40rem) { .map text { font-size: 21px; } }
.line { fill: none; stroke: currentColor; stroke-width: 2; }
.line-0 { color: rgb(var(--gain)); }
.line-1 { color: rgb(var(--harm)); stroke-dasharray: 7 3; }
.line-2 { color: var(--ink); stroke-dasharray: 2 3; }
.line-3 { color: var(--faint); stroke-dasharray: 10 3 2 3; }
.line-4 { color: #9a6bd1; }
.line-5 { color: #1a9a86; stroke-dasharray: 4 2; }
.line-6 { color: #c2467f; stroke-dasharray: 12 4; }
.line-7 { color: #9a8420; stroke-dasharray: 1 4; }
.dot { fill: currentColor; stroke: none; }
.leader { fill: none; stroke: var(--faint); stroke-opacity: .55; stroke-width: 1; }
.chart .name { fill: var(--ink); }
@media (max-width: 40rem) { .chart .name { font-size: 21px; } }
.chart .title { fill: var(--ink); font-size: 14px; font-weight: 600; }
.chart .paper { fill: var(--raised); }
`;

/** The chart styles with colours instead of variables, which some picture viewers do not support. */
export const pictureStyles = `${withColours(chartStyles, light)}${ON_DARK} {${withColours(chartStyles, dark)}}`;

function withColours(css: string, palette: Palette): string {
  return css.replaceAll(/var\(--([a-z-]+)\)/g, (_, name: string) => palette[name].replaceAll(" ", ", "));
}

/** The styles of pages: colours, charts, the coloured text, the panel. */
export const styles = `
:root { color-scheme: light dark; ${variables(light)} }
${ON_DARK} { :root { ${variables(dark)} } }
${chartStyles}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem; max-width: 90rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.5rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
a { color: var(--link); }
small, .note, .origin, figcaption { color: var(--faint); }
code, .text, blockquote, td.excerpt { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.gain-text { color: rgb(var(--gain)); font-weight: 600; }
.harm-text { color: rgb(var(--harm)); font-weight: 600; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }

.figures { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: .75rem 0; }
.figures div { display: flex; flex-direction: column-reverse; }
.figures dt { color: var(--faint); font-size: .85rem; }
.figures dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }

.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(32rem, 100%), 1fr)); gap: 1rem; }
.chart { container-type: inline-size; margin: 0; max-width: 56rem; padding: .75rem; background: var(--raised); border: 1px solid var(--rule); border-radius: 6px; }
.chart svg { display: block; width: 100%; height: auto; overflow: visible; }
.chart figcaption { font-size: .9rem; font-weight: 600; color: var(--ink); }
.axes { display: none; margin: .25rem 0 0; font-size: .8rem; color: var(--faint); }
@container (max-width: 600px) {
  .chart text { font-size: 15px; }
  .chart .axis-label { display: none; }
  .axes { display: block; margin-top: -1rem; }
}
@container (max-width: 440px) {
  .chart text { font-size: 20px; }
  .chart .below { translate: 0 8px; }
  .axes { margin-top: .25rem; }
}
.chart .key-line { display: inline-block; width: 30px; height: 8px; vertical-align: middle; }
.key { display: inline-block; max-width: 100%; font-size: .85rem; margin-right: .75rem; }

.findings { padding: 0; list-style: none; }
.verdict { display: inline-block; min-width: 4rem; font-weight: 600; }
.verdict.holds { color: rgb(var(--gain)); }
.verdict.missed { color: rgb(var(--harm)); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0; font-size: .9rem; }
.facts div { display: contents; }
.facts dt { color: var(--faint); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
pre { overflow-x: auto; font-size: .8rem; }

.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th { text-align: left; font-weight: 600; }
th, td { padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.excerpt { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8rem; }
td.place { white-space: nowrap; }
td.name { overflow-wrap: anywhere; }
mark { background: var(--mark); color: var(--mark-ink); border-radius: 2px; }

.legend { font-size: .85rem; margin: .25rem 0 .75rem; }
.legend .swatch { padding: .1rem .35rem; font-family: ui-monospace, monospace; }
.reading { display: grid; grid-template-columns: minmax(0, 1fr) minmax(20rem, 32rem); gap: 1.5rem; align-items: start; }
.text {
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; line-height: 1.6; tab-size: 4;
  background: var(--raised); border: 1px solid var(--rule); border-radius: 6px; padding: 1rem;
}
.text > div { content-visibility: auto; contain-intrinsic-size: auto calc(var(--lines) * 1.36rem); }
.text span { cursor: pointer; border-radius: 2px; scroll-margin: 20vh; }
.gain-1 { background: rgb(var(--gain) / .10); }
.gain-2 { background: rgb(var(--gain) / .20); }
.gain-3 { background: rgb(var(--gain) / .32); }
.gain-4 { background: rgb(var(--gain) / .45); }
.gain-5 { background: rgb(var(--gain) / .60); }
.harm-1 { background: rgb(var(--harm) / .10); }
.harm-2 { background: rgb(var(--harm) / .20); }
.harm-3 { background: rgb(var(--harm) / .32); }
.harm-4 { background: rgb(var(--harm) / .45); }
.harm-5 { background: rgb(var(--harm) / .58); }
.harm-1, .harm-2, .harm-3, .harm-4, .harm-5 {
  text-decoration: underline dotted rgb(var(--harm)); text-underline-offset: .2em;
}
.text .retrieved { background: var(--mark); color: var(--mark-ink); box-shadow: 0 0 0 1px var(--mark-ink); }
.text .shown { box-shadow: 0 0 0 2px var(--ink); }
.text .pinned { box-shadow: 0 0 0 3px var(--link); }

#panel {
  position: sticky; top: 1rem; max-height: calc(100vh - 2rem); overflow: auto; padding: 1rem;
  background: var(--raised); border: 1px solid var(--rule); border-radius: 6px; font-size: .9rem;
}
#panel h3 { margin: 0 0 .5rem; font-size: 1.05rem; }
#panel h3 code { padding: .1rem .4rem; border: 1px solid var(--rule); border-radius: 4px; overflow-wrap: anywhere; }
#panel h3 small { display: block; margin-top: .3rem; font-weight: 400; }
#panel .close { display: none; }
#panel h4 { margin: .75rem 0 .25rem; font-size: .95rem; }
#panel p { margin: .25rem 0; }
.losses { display: grid; grid-template-columns: auto 1fr; gap: .1rem .75rem; margin: 0 0 .5rem; }
.losses dt { color: var(--faint); }
.losses dd { margin: 0; font-variant-numeric: tabular-nums; }
.bar { display: inline-block; width: 7rem; height: .55em; margin-right: .5rem; border-radius: 2px; background: var(--rule); }
.bar::before {
  content: ""; display: block; width: calc(var(--part) * 100%); min-width: 1px; height: 100%; border-radius: 2px;
  background: rgb(var(--gain));
}
.pairs { margin: 0; padding: 0; list-style: none; }
.pairs li { padding: .4rem 0; border-top: 1px solid var(--rule); }
.pairs .bar { display: block; width: 100%; height: .3em; margin: .2rem 0; }
.origin { font-size: .8rem; }
blockquote { margin: 0; font-size: .78rem; white-space: pre-wrap; overflow-wrap: anywhere; }

@media (max-width: 60rem) {
  body { padding: .75rem; }
  .reading { display: block; }
  #panel { top: auto; bottom: 0; max-height: 40vh; border-radius: 6px 6px 0 0; z-index: 1; }
  #panel:has(> .note:only-child) { display: none; }
  #panel .bar { width: min(5rem, 12vw); }
  #panel .pairs .bar { width: 100%; }
  #panel .close {
    float: right; display: grid; place-items: center; width: 2.5rem; height: 2.5rem; margin: -.5rem -.5rem 0 .5rem; padding: 0;
    font: inherit; font-size: 1.4rem; color: var(--ink); background: none; border: 0; cursor: pointer;
  }
  .gained thead { display: none; }
  .gained, .gained tbody, .gained tr, .gained td { display: block; }
  .gained tr { padding: .5rem 0; border-bottom: 1px solid var(--rule); }
  .gained td { padding: 0; border: 0; }
  .gained td.place { white-space: normal; overflow-wrap: anywhere; }
  .gained td.number { text-align: left; font-weight: 600; }
  .gained td.number + td.place::before { content: "retrieved from "; color: var(--faint); }
}
@media print {
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; }
  h2, h3, h4, figcaption, thead { break-after: avoid; }
  .charts { display: block; }
  .chart { margin: 0 0 1rem; }
  .chart, tr, .pairs li, .figures div { break-inside: avoid; }
  .reading { display: block; }
  .text { border: 0; padding: 0; }
  .text > div { content-visibility: visible; }
  .text, .legend, .chart, mark, .bar { print-color-adjust: exact; }
  .scroll { overflow: visible; }
  #panel { position: static; max-height: none; overflow: visible; margin-top: 1rem; }
  #panel .close { display: none; }
}
`;
