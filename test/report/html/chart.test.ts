import * as assert from "uvu/assert";
import { barChart, lineChart } from "../../../src/report/html/chart.ts";
import { figure, svgFile } from "../../../src/report/html/chart-frame.ts";
import { suite } from "../../harness.ts";

const test = suite("charts");

const labels = { title: "A <chart>", x: "what & why", y: "how much" };

/** Returns the numbers of an attribute, in order. */
function attributes(svg: string, element: string, name: string): number[] {
  return [...svg.matchAll(new RegExp(`<${element} [^>]*?\\b${name}="([^"]*)"`, "g"))].map(([, value]) => Number(value));
}

function bars(values: number[]): string {
  const drawn = values.map((value, i) => ({ label: `bar ${i}`, value, detail: `"${value}"` }));
  return figure(barChart(labels, drawn));
}

test("bars begin at zero, and their heights are proportional to their values", () => {
  const svg = bars([1, 2, -1]);
  const [tops, heights] = [attributes(svg, "rect", "y"), attributes(svg, "rect", "height")];
  const [zero] = [tops[0] + heights[0]];
  assert.ok(Math.abs(tops[1] + heights[1] - zero) < 0.11);
  assert.ok(Math.abs(tops[2] - zero) < 0.11, "below zero");
  assert.ok(Math.abs(heights[1] - 2 * heights[0]) < 0.21);
  assert.ok(Math.abs(heights[2] - heights[0]) < 0.21);
  assert.equal(
    [...svg.matchAll(/<rect class="(\w+)"/g)].map(([, kind]) => kind),
    ["gain", "gain", "harm"],
  );
});

test("ticks are round numbers that enclose the values", () => {
  const ticks = (values: number[]) =>
    [...bars(values).matchAll(/text-anchor="end">([^<b]*)</g)].map(([, text]) => text);
  assert.equal(ticks([0.013, 0.041]), ["0.00", "0.01", "0.02", "0.03", "0.04", "0.05"]);
  assert.equal(ticks([-730, 1210]), ["−1,000", "−500", "0", "500", "1,000", "1,500"]);
  assert.equal(ticks([0, 0]), ["0", "1"]);
});

test("a chart without values works, and labels are escaped", () => {
  assert.match(bars([]), 'aria-label="A &lt;chart&gt;: how much by what &amp; why"');
  assert.match(bars([3]), "<title>&quot;3&quot;</title>");
});

test("with many bars only some have labels", () => {
  const many = Array.from({ length: 30 }, (_, i) => ({ label: `bar ${i}`, value: i, detail: "" }));
  assert.is(barChart(labels, many, 10).drawing.match(/>bar /g)?.length, 3);
});

test("labels of ticks are level where they have room, and slanted where they would touch", () => {
  const drawingOf = (names: string[]) =>
    barChart(
      labels,
      names.map((label) => ({ label, value: 1, detail: "" })),
    ).drawing;
  const few = drawingOf(["word", "number", "space"]);
  assert.is(few.match(/<text class="tick below" x="[\d.]+" y="[\d.]+" text-anchor="middle">/g)?.length, 3);
  assert.not.match(few, "rotate(-35)");
  const long = drawingOf(Array.from({ length: 7 }, (_, i) => `LaTeX command ${i}`));
  assert.is(long.match(/rotate\(-35\)/g)?.length, 7);
  const octaves = [128, 32_768].map((x) => [x, 1] as const);
  const { drawing } = lineChart(labels, [{ name: "", points: octaves }], true);
  const ticks = [...drawing.matchAll(/class="tick below"[^>]*text-anchor="(\w+)">([^<]*)</g)];
  assert.equal(
    ticks.map(([, anchor, label]) => [anchor, label]),
    [...["128", "512", "2,048", "8,192"].map((label) => ["middle", label]), ["end", "32,768"]],
    "every second has room, and the last label ends at the edge",
  );
});

test("a key of the legend is a piece of its line, dashed as that is", () => {
  const lines = ["one", "two", "three"].map((name) => ({ name, points: [[0, 1] as const, [1, 2] as const] }));
  const html = figure(lineChart(labels, lines));
  for (const [i, { name }] of lines.entries()) {
    const key = new RegExp(
      `<svg class="key-line"[^>]*aria-hidden="true"><line class="line line-${i}"[^>]*/></svg> ${name}</span>`,
    );
    assert.match(html, key);
  }
});

test("lines go through their points and have names", () => {
  const chart = lineChart(labels, [
    {
      name: "step <1>",
      points: [
        [0, 0.5],
        [10, 1],
      ],
    },
    {
      name: "step 2",
      points: [
        [0, 1],
        [5, 0.75],
        [10, 1],
      ],
    },
  ]);
  const svg = figure(chart);
  const [first, second] = [...svg.matchAll(/points="([^"]*)"/g)].map(([, points]) => points.split(" "));
  assert.equal([first.length, second.length], [2, 3]);
  assert.is(first[1], second[2], "the same point in both");
  assert.not.equal(first[0], second[0]);
  assert.match(svg, "step &lt;1&gt;</span>");
  const file = svgFile(chart);
  assert.match(file, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  assert.ok(file.includes(chart.drawing));
  assert.match(file, "prefers-color-scheme: dark");
  assert.not.match(file, /var\(|undefined/, "no variables, which some viewers do not support");
  assert.match(file, "step &lt;1&gt;</text>");
  const [, , width, height] = (/viewBox="([^"]*)"/.exec(file) as RegExpExecArray)[1].split(" ").map(Number);
  assert.is(width, 640);
  assert.ok(height > chart.height + 36, "there is room for title and legend");
});
