/**
 * Measures the page in Chromium: from opening it to the first coloured token, the time for a document of 20,000 tokens with four
 * sizes of memory and with all, and the longest task of the page's own thread in each phase of a visit, with what ran in it: by the
 * clock, and by the processor, which other programs on the machine lengthen less. All that several times over; it prints medians and
 * extremes. Needs `npm run test:browsers` once.
 *
 *   npm run page:measure [-- RUNS]
 */

import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { PageServer } from "../dist/src/serve/page-server.js";
import { chromium } from "../test/bundlers/node_modules/playwright-core/index.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const RUNS = Number(process.argv[2] ?? 3);
const TOKENS = 20_000;
const FOUR = [0, 128, 512, 2048];
/** A script or a rendering that took less is not named. */
const NAMED_MS = 5;

/** Notes in the page when things happen, tasks of more than 50 ms, and what ran in frames of more than 50 ms. */
const WATCH = `{
  globalThis.times = {};
  globalThis.tasks = [];
  globalThis.frames = [];
  const observe = (type, take) =>
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
  observe("longtask", ({ startTime, duration }) => tasks.push({ startTime, duration }));
  observe("long-animation-frame", ({ startTime, duration, renderStart, styleAndLayoutStart, scripts }) =>
    frames.push({ startTime, duration, renderStart, styleAndLayoutStart, scripts: scripts.map(
      ({ startTime, duration, invoker, sourceFunctionName, forcedStyleAndLayoutDuration }) =>
        ({ startTime, duration, invoker, sourceFunctionName, forcedStyleAndLayoutDuration })) }));
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

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until an expression is true in the page, whose policy forbids the driver's own way to wait. */
async function until(page, condition) {
  while (!(await page.evaluate(`Boolean(${condition})`))) await pause(50);
}

const statusSays = (words) => `/${words}/.test(document.getElementById("status").textContent)`;

/** What a visitor does after the page is open, by the name of the phase. */
const PHASES = {
  async reading(page) {
    const novel = readFileSync(join(root, "page/samples/novel.txt"), "utf8").slice(0, 3 * TOKENS);
    await page.setInputFiles("#files", { name: "novel.txt", mimeType: "text/plain", buffer: Buffer.from(novel) });
    await until(page, statusSays("is read"));
  },
  async slider(page) {
    const box = await page.locator("#size").boundingBox();
    const y = box.y + box.height / 2;
    await page.mouse.move(box.x + box.width - 8, y);
    await page.mouse.down();
    for (const part of [...Array(60).keys(), ...[...Array(60).keys()].reverse()]) {
      await page.mouse.move(box.x + 8 + ((box.width - 16) * part) / 59, y);
    }
    await page.mouse.up();
  },
  async tokens(page) {
    for (let token = 5; token < 400; token += 20) await page.locator(`#t${token}`).click();
  },
  async scrolling(page) {
    for (let i = 0; i < 60; i++) {
      await page.mouse.wheel(0, 700);
      await pause(30);
    }
  },
  async writing(page) {
    await page.locator("#writing button[type=submit]").click();
    await until(
      page,
      `document.getElementById("stop-writing").hidden && document.querySelectorAll("#without span").length > 9`,
    );
  },
  async article(page) {
    for (const figure of await page.locator("[data-figure]").all()) {
      await figure.scrollIntoViewIfNeeded();
      await until(page, `document.querySelector(".live .shown:not([aria-busy=false])") === null`);
    }
    for (const input of await page.locator(".live input").all()) {
      await input.focus();
      for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowRight");
    }
    await until(page, `document.querySelector(".live .shown:not([aria-busy=false])") === null`);
  },
  async "a model"(page) {
    await page.locator("#shipped").click();
    await until(page, statusSays("is open"));
  },
};

/** The longest tasks while a visitor does something. */
async function watched(browser, page, act) {
  await browser.startTracing(page, { categories: ["toplevel"] });
  await act(page);
  const longest = await longestTask(page);
  const { traceEvents } = JSON.parse(String(await browser.stopTracing()));
  const place = ({ pid, tid }) => `${pid} ${tid}`;
  const mains = traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain");
  const ofPage = new Set(mains.map(place));
  const tasks = traceEvents.filter((event) => event.name.endsWith("RunTask") && ofPage.has(place(event)));
  const processor = tasks.reduce((most, { tdur = 0 }) => Math.max(most, tdur / 1000), 0);
  return { ...longest, processor };
}

/** The longest task by the clock since the last call, and what ran in it. */
async function longestTask(page) {
  await pause(200); // observers are told late
  const { tasks, frames } = await page.evaluate("({ tasks: tasks.splice(0), frames: frames.splice(0) })");
  const [longest] = tasks.sort((a, b) => b.duration - a.duration);
  if (longest === undefined) return { ms: 0, ran: "" };
  const { startTime, duration } = longest;
  const isInside = (at, end) => at < startTime + duration && end > startTime;
  const frame = frames.find((each) => isInside(each.startTime, each.startTime + each.duration));
  return { ms: duration, ran: frame === undefined ? "no script and no rendering" : namesOf(frame, isInside) };
}

/** Scripts and renderings of a frame that are inside a task. */
function namesOf({ startTime, duration, styleAndLayoutStart, scripts }, isInside) {
  const end = startTime + duration;
  const ran = scripts.filter((script) => isInside(script.startTime, script.startTime + script.duration));
  const parts = ran.map(({ duration, invoker, sourceFunctionName, forcedStyleAndLayoutDuration }) => ({
    ms: duration,
    name: `${invoker} ${sourceFunctionName}${forcedStyleAndLayoutDuration > 1 ? ` (layout ${Math.round(forcedStyleAndLayoutDuration)} ms)` : ""}`,
  }));
  if (styleAndLayoutStart > 0 && isInside(styleAndLayoutStart, end)) {
    parts.push({ ms: end - styleAndLayoutStart, name: "style, layout and paint" });
  }
  const named = parts.filter(({ ms }) => ms >= NAMED_MS).map(({ ms, name }) => `${name} ${Math.round(ms)} ms`);
  return named.join("; ") || "nothing of 5 ms";
}

/** One visit in a browser of its own: figures, and the longest task of each phase. */
async function visit(address) {
  const args = ["--no-sandbox", "--disable-gpu"];
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(600_000);
    await page.addInitScript(WATCH);
    const opening = await watched(browser, page, async () => {
      await page.goto(address);
      await until(page, "globalThis.firstColour !== undefined");
    });
    const firstColour = await page.evaluate("firstColour");
    const longest = { opening };
    await page.goto(`${address}?sample=`);
    await until(page, statusSays("is open"));
    const facts = (await page.locator("#facts div").allTextContents()).map((text) => text.trim()).join(", ");
    for (const [name, act] of Object.entries(PHASES)) {
      longest[name] = await watched(browser, page, act);
    }
    const times = await page.evaluate("times");
    return { facts, firstColour, times, longest };
  } finally {
    await browser.close();
  }
}

/** The median, and the least and greatest of several. */
function spread(numbers, digits = 0) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const [least, median, most] = [0, (sorted.length - 1) / 2, sorted.length - 1].map((i) =>
    sorted[Math.floor(i)].toFixed(digits),
  );
  return `${median} (${least} to ${most})`;
}

const server = new PageServer({ "/": join(root, "dist/page"), "/models/": join(root, "models") });
const port = await server.listen(0);
const visits = [];
for (let run = 0; run < RUNS; run++) visits.push(await visit(`http://127.0.0.1:${port}/`));
await server.close();

const [{ facts, times }] = visits;
const seconds = (size) =>
  spread(
    visits.map(({ times }) => (times[size] - times.begin) / 1000),
    1,
  );
console.log(`${cpus().length} processors; ${facts}; medians of ${RUNS} visits, in brackets the least and the greatest`);
console.log(
  `first coloured token after ${spread(
    visits.map(({ firstColour }) => firstColour / 1000),
    2,
  )} s`,
);
console.log(
  `${times.tokens} tokens, memories ${FOUR.join(", ")}: ${seconds(FOUR.at(-1))} s; up to 32,768: ${seconds(32768)} s`,
);
console.log(
  "longest task of the page in ms by the processor; by the clock, 0 if none took more than 50; what ran in the worst:",
);
for (const name of ["opening", ...Object.keys(PHASES)]) {
  const all = visits.map(({ longest }) => longest[name]);
  const worst = all.reduce((a, b) => (b.ms > a.ms ? b : a));
  const [processor, clock] = [all.map(({ processor }) => processor), all.map(({ ms }) => ms)].map((each) =>
    spread(each),
  );
  console.log(`  ${name.padEnd(10)} ${processor}; ${clock}${worst.ms > 0 ? `  ${worst.ran}` : ""}`);
}
