/** The article in a real browser: its figures are computed, say what the library says elsewhere, and exclude nobody. */
import { Buffer } from "node:buffer";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../harness.ts";
import { root } from "../package/tools.ts";
import type { BrowserPage } from "../report/html/browser.ts";
import { noPage, until, type Visit, visitPage } from "./built.ts";

const test = suite("article");

const FIGURES = [
  "window",
  "directions",
  "ring",
  "search",
  "gate",
  "gradients",
  "staleness",
  "growth",
  "words",
  "cache",
] as const;

let visit: Visit;
test.before(async () => {
  if (noPage === undefined) visit = await visitPage();
});
test.after(async () => {
  if (noPage === undefined) await visit.close();
});

const html = readFileSync(join(root, "page/index.html"), "utf8");

/** Goes to a figure, and returns what it shows once it is computed. */
async function shown(page: BrowserPage, figure: (typeof FIGURES)[number]): Promise<string> {
  const of = `document.querySelector('[data-figure="${figure}"]')`;
  await page.evaluate(`${of}.scrollIntoView({ block: "center" })`);
  await until(page, `${of}.querySelector('[aria-busy="false"]')`);
  return page.evaluate<string>(`${of}.querySelector(".shown").innerText`);
}

const numbersIn = (text: string, pattern: RegExp) =>
  (text.match(pattern) ?? []).slice(1).map((n) => Number(n.replace(",", "")));

test("every file that the article names exists, and every section has a figure and an equation", () => {
  const named = [...html.matchAll(/<code>([a-z]+\/[\w./-]+)<\/code>/g)].map(([, path]) => path);
  assert.ok(named.length > 30);
  assert.equal(
    named.filter((path) => !existsSync(join(root, path))),
    [],
  );
  const sections = html.split("<h3 id=").slice(-FIGURES.length);
  for (const [i, section] of sections.entries()) {
    assert.ok(section.includes(`data-figure="${FIGURES[i]}"`), FIGURES[i]);
    assert.match(section, "<math");
    assert.match(section, /Tested by <code>test\//);
  }
});

test.unless(noPage, "every file that the article names is a link to that file, as text", async () => {
  const { page, wrong } = await visit.open("sample=");
  const links = await page.evaluate<[name: string, href: string][]>(
    `[...document.querySelectorAll("#how a[target]")].map((link) => [link.textContent, link.href])`,
  );
  assert.ok(links.length > 30);
  for (const [name, href] of links) {
    const response = await fetch(href);
    assert.is(response.headers.get("content-type"), "text/plain; charset=utf-8");
    assert.is(await response.text(), readFileSync(join(root, name), "utf8"), name);
  }
  assert.equal(wrong, []);
  await page.close();
});

test.unless(noPage, "each figure is computed where a reader comes to it, and says what it should", async () => {
  const { page, wrong } = await visit.open("sample=");
  assert.is(await page.locator("[data-figure] .shown").count(), 0);
  const [without, withMemory] = numbersIn(
    await shown(page, "window"),
    /one in ([\d,.]+) without .* one in ([\d,.]+) with/,
  );
  assert.ok(without > 5 * withMemory, `${without}, ${withMemory}`);
  assert.match(await shown(page, "directions"), /cosine 0\.\d\d · src\/memory, line \d+/);
  assert.match(await shown(page, "ring"), "A query can find the newest 12; 10 are forgotten.");
  const search = await shown(page, "search");
  assert.match(search, /exact\s+100 %/);
  assert.match(search, /quantised\s+100 %/);
  const [bucketed] = numbersIn(search, /bucketed\s+(\d+) %/);
  assert.ok(bucketed > 80 && bucketed < 97, `${bucketed} % of 89 expected`);
  const [nats, learned] = numbersIn(await shown(page, "gate"), /loss is ([\d.]+) nats .* ([\d.]+) nats/);
  assert.ok(Math.abs(nats - learned) < 0.2, `${nats}, ${learned}`);
  const gradients = await shown(page, "gradients");
  assert.match(gradients, /lookup\s+neighbours in the memory\s+none\s+no, it ends here/);
  assert.match(gradients, /retrievedAttention\s+answer of the memory\s+[\d.]+\s+yes/);
  const [before, after] = numbersIn(gradients, /from ([\d.]+) to ([\d.]+) nats/);
  assert.ok(after > before + 0.3, `${before}, ${after}`);
  const [oldest] = numbersIn(await shown(page, "staleness"), /cosine of ([\d.]+)/);
  assert.ok(oldest > 0.2 && oldest < 0.99, `${oldest}`);
  const [none, few, many] = numbersIn(
    await shown(page, "growth"),
    /perplexity ([\d.]+) without a memory, ([\d.]+) with 64 pairs, ([\d.]+) with 3,072/,
  );
  assert.ok(Math.min(none, few) > 1.2 * many, `${none}, ${few}, ${many}`); // a few pairs alone help with some texts only
  assert.match(await shown(page, "words"), /one in [\d,.]+ without memory, one in [\d,.]+ with it/);
  const [alone, remembering] = numbersIn(
    await shown(page, "cache"),
    /Perplexity ([\d.]+) alone, ([\d.]+) with the memory/,
  );
  assert.ok(alone > remembering, `${alone}, ${remembering}`);
  assert.equal(wrong, []);
  await page.close();
});

test.unless(noPage, "in print, a figure that is not computed says what to do, and no control is there", async () => {
  const { page } = await visit.open("sample=");
  await shown(page, "ring");
  await page.emulateMedia({ media: "print" });
  const before = (figure: string) =>
    page.evaluate<string>(`getComputedStyle(document.querySelector('[data-figure="${figure}"]'), "::before").content`);
  assert.match(await before("cache"), "open this section on the page first");
  assert.is(await before("ring"), "none");
  const printed = `[...document.querySelectorAll("input, select, button, summary, .on-screen")]
    .filter((element) => element.getClientRects().length > 0).map((element) => element.outerHTML)`;
  assert.equal(await page.evaluate<string[]>(printed), []);
  await page.close();
});

test.unless(noPage, "the keyboard alone moves a figure's slider", async () => {
  const { page } = await visit.open("sample=");
  await shown(page, "ring");
  await page.evaluate(`document.querySelector('[data-figure="ring"] input').focus()`);
  await page.keyboard.press("ArrowRight");
  await until(page, `/23 tokens were read/.test(document.querySelector('[data-figure="ring"]').textContent)`);
  await page.close();
});

for (const [width, colorScheme] of [
  [360, "dark"],
  [1280, "light"],
] as const) {
  test.unless(
    noPage,
    `axe finds nothing in a window of ${width} pixels (${colorScheme}), and nothing is wider`,
    async () => {
      const axe = readFileSync(join(root, "test/bundlers/node_modules/axe-core/axe.min.js"), "utf8");
      const options = { viewport: { width, height: 800 }, colorScheme, bypassCSP: true, reducedMotion: "reduce" };
      const { page } = await visit.open("sample=", options);
      const text = "const first = 1;\nuse(first);\n".repeat(40);
      await page.setInputFiles("#files", { name: "text.ts", mimeType: "text/plain", buffer: Buffer.from(text) });
      await until(page, `/is read/.test(document.getElementById("status").textContent)`);
      for (const figure of FIGURES) await shown(page, figure);
      await page.evaluate(axe);
      const found = await page.evaluate<string[]>(`axe.run(document).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ": " + html.slice(0, 100))))`);
      assert.equal(found, []);
      assert.is(await page.evaluate("document.documentElement.scrollWidth"), width);
      const moving = `[...document.querySelectorAll("*")].filter((element) =>
      getComputedStyle(element).transitionDuration.split(", ").some((time) => time !== "0s")).length`;
      assert.is(await page.evaluate(moving), 0);
      await page.close();
    },
  );
}
