/**
 * Measures the page in Chromium: from opening it to the first coloured token, the time for a document of 20,000 tokens with four
 * sizes of memory and with all, and the longest time for which the page did not answer. Needs `npm run test:browsers` once.
 *
 *   npm run page:measure
 */

import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PageServer } from "../dist/src/serve/page-server.js";
import { chromium } from "../test/bundlers/node_modules/playwright-core/index.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const TOKENS = 20_000;
const FOUR = [0, 128, 512, 2048];

/** Notes in the page when things happen, and tasks of more than 50 ms. */
const WATCH = `{
  globalThis.times = {};
  globalThis.longest = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
  }).observe({ type: "longtask", buffered: true });
  const Original = Worker;
  globalThis.Worker = class extends Original {
    constructor(...all) {
      super(...all);
      this.addEventListener("message", ({ data: { news } }) => {
        if (news?.kind === "document") globalThis.times = { tokens: news.ends.length, begin: performance.now() };
        if (news?.kind === "losses" && news.from + news.nats.length === times.tokens) times[news.size] = performance.now();
        if (news?.kind === "same") times[news.size] = times[news.as];
      });
    }
  };
  document.addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
    if (globalThis.firstColour === undefined && document.querySelector("#text [class*=gain-], #text [class*=harm-]"))
      requestAnimationFrame(() => (globalThis.firstColour ??= performance.now()));
  }).observe(document.body, { subtree: true, attributes: true, childList: true, attributeFilter: ["class"] }));
}`;

/** Waits until an expression is true in the page, whose policy forbids the driver's own way to wait. */
async function until(condition) {
  while (!(await page.evaluate(`Boolean(${condition})`))) await new Promise((resolve) => setTimeout(resolve, 50));
}

const server = new PageServer({ "/": join(root, "dist/page"), "/models/": join(root, "models") });
const port = await server.listen(0);
const args = ["--no-sandbox", "--disable-gpu"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
page.setDefaultTimeout(600_000);
await page.addInitScript(WATCH);

await page.goto(`http://127.0.0.1:${port}/`);
await until("globalThis.firstColour !== undefined");
const firstColour = await page.evaluate("firstColour");

await page.goto(`http://127.0.0.1:${port}/?sample=`);
await until(`/is open/.test(document.getElementById("status").textContent)`);
const facts = await page.locator("#facts").textContent();
const novel = readFileSync(join(root, "page/samples/novel.txt"), "utf8");
await page.setInputFiles("#files", {
  name: "novel.txt",
  mimeType: "text/plain",
  buffer: Buffer.from(novel.slice(0, 3 * TOKENS)),
});
await until(`/is read/.test(document.getElementById("status").textContent)`);
const { times, longest } = await page.evaluate("({ times, longest })");
await browser.close();
await server.close();

const seconds = (size) => ((times[size] - times.begin) / 1000).toFixed(1);
console.log(`${cpus().length} processors; ${facts.replaceAll(/\s+/g, " ")}`);
console.log(`first coloured token after ${(firstColour / 1000).toFixed(2)} s`);
console.log(
  `${times.tokens} tokens, memories ${FOUR.join(", ")}: ${seconds(FOUR.at(-1))} s; up to 32,768: ${seconds(32768)} s`,
);
console.log(`longest task of the page: ${Math.round(longest)} ms (0: none above 50 ms)`);
