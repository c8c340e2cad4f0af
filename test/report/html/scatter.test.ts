/** Scatter charts: points in their places, and every name beside them where no other lies. */
import * as assert from "uvu/assert";
import { figure, svgFile } from "../../../src/report/html/chart-frame.ts";
import { type LabelledPoint, scatterChart, spread } from "../../../src/report/html/scatter.ts";
import { suite } from "../../harness.ts";

const test = suite("scatter charts");

const labels = { title: "Worth", x: "price & size", y: "speed" };

/** Names with their places, and the ends of their lines. */
function drawn(points: readonly LabelledPoint[], logarithmic = false) {
  const { drawing, height } = scatterChart(labels, points, logarithmic);
  const numbers = (pattern: RegExp) => [...drawing.matchAll(pattern)].map((found) => found.slice(1).map(Number));
  return {
    names: [...drawing.matchAll(/<text class="name" [^>]*>([^<]*)</g)].map(([, name]) => name),
    heights: numbers(/<text class="name" x="[^"]*" y="([^"]*)"/g).flat(),
    dots: numbers(/<circle [^>]*cx="([^"]*)" cy="([^"]*)"/g),
    leaders: [...drawing.matchAll(/class="leader" points="([^"]*)"/g)].map(([, path]) =>
      path.split(/[ ,]/).map(Number),
    ),
    ticks: [...drawing.matchAll(/<text class="tick[^>]*>([^<]*)</g)].map(([, text]) => text),
    height,
  };
}

test("an example: places that are too near move apart, as little as they must", () => {
  assert.equal(spread([10, 12, 50], 20, 100), [10, 30, 50]);
  assert.equal(spread([90, 95, 99], 20, 100), [60, 80, 100]);
  assert.equal(spread([5], 20, 100), [5]);
  assert.equal(spread([], 20, 100), []);
});

test("points lie by their numbers, the higher the greater, and names are in the order of their heights", () => {
  const { names, dots } = drawn([
    { label: "low", x: 1, y: 10 },
    { label: "high", x: 3, y: 30 },
    { label: "middle", x: 2, y: 20 },
  ]);
  assert.equal(names, ["high", "middle", "low"]);
  const [high, middle, low] = dots;
  assert.ok(Math.abs(high[0] + low[0] - 2 * middle[0]) < 0.2, "evenly from left to right");
  assert.ok(Math.abs(high[1] + low[1] - 2 * middle[1]) < 0.2, "evenly from top to bottom");
  assert.ok(high[0] > low[0] && high[1] < low[1]);
});

test("on logarithmic axes each doubling takes the same way, and ticks are round numbers between the points", () => {
  const points = [1000, 2000, 4000].map((x) => ({ label: `${x}`, x, y: x / 100 }));
  const { dots, ticks } = drawn(points, true);
  for (const axis of [0, 1]) assert.ok(Math.abs(dots[0][axis] + dots[2][axis] - 2 * dots[1][axis]) < 0.2);
  assert.equal(ticks, ["10", "20", "30", "40", "1,000", "2,000", "3,000", "4,000"]);
});

for (const count of [0, 1, 2, 23, 40]) {
  test(`no name lies on another or outside, and each line leads from a point to its name: ${count} points`, () => {
    const points = Array.from({ length: count }, (_, i) => ({
      label: `name ${i}`,
      x: 500 + (i % 3),
      y: 15 + (i % 5) * 1e-3,
    }));
    const { names, heights, dots, leaders, height } = drawn(points);
    assert.is(new Set(names).size, count);
    for (const [i, y] of heights.entries()) {
      if (i > 0) assert.ok(y - heights[i - 1] >= 23.9, `${names[i]} at ${y} after ${heights[i - 1]}`);
      assert.ok(y > 10 && y < height - 40);
      assert.equal(leaders[i].slice(0, 2), dots[i]);
      assert.is(leaders[i][5], y);
    }
  });
}

test("names are escaped, on a page and in a file", () => {
  const chart = scatterChart(labels, [{ label: "a <b> & c", x: 1, y: 2 }]);
  for (const svg of [figure(chart), svgFile(chart)]) {
    assert.match(svg, /<text class="name"[^>]*>a &lt;b&gt; &amp; c<\/text>/);
    assert.match(svg, "<title>a &lt;b&gt; &amp; c: 1, 2.000</title>");
    assert.not.match(svg, /NaN|Infinity|undefined/);
  }
});
