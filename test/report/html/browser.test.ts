import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as assert from "uvu/assert";
import { Random } from "../../../src/base/random.ts";
import type { Inspection } from "../../../src/inspect/inspect.ts";
import { summarize } from "../../../src/inspect/inspection-summary.ts";
import { RetrievedPairs } from "../../../src/inspect/retrieved-pairs.ts";
import { inspectionPage } from "../../../src/report/html/inspection-page.ts";
import { InspectedText } from "../../../src/report/inspected-text.ts";
import { byteTokenizer } from "../../../src/text/tokenizer.ts";
import { wordsOfTokens } from "../../../src/text/words.ts";
import { suite } from "../../harness.ts";
import { type Browser, type BrowserPage, launchBrowser, noBrowser } from "./browser.ts";

const test = suite("report page in a browser");

const bytes = byteTokenizer();
let folder = "";
let browser: Browser | undefined;

test.before(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), "browser-"));
  if (noBrowser === undefined) browser = await launchBrowser();
});
test.after(async () => {
  await browser?.close();
  fs.rmSync(folder, { recursive: true });
});

/** A report in which token i gains (i mod 13) − 6 nats and retrieved eight earlier tokens, the best of them token i / 2. */
function reportOf(text: string): string {
  const random = new Random(1);
  const ids = bytes.encode(text);
  const retrieved = new RetrievedPairs(ids.length, 8);
  for (let token = 2; token < ids.length; token++) {
    for (let rank = 0; rank < 8; rank++) {
      const of = rank === 0 ? Math.floor(token / 2) : Math.floor(random.next() * token);
      retrieved.add(token, {
        head: rank % 2,
        token: of,
        score: 1 - rank / 9,
        weight: 0.5 ** (rank + 1),
        share: 0.5 ** rank,
      });
    }
  }
  const none = new Int32Array();
  const inspection: Inspection = {
    name: text.slice(0, 60),
    ids,
    memorySize: 8192,
    nats: Float32Array.from(ids, () => 7),
    natsWithout: Float32Array.from(ids, (_, i) => 1 + (i % 13)),
    heads: [
      { layer: 2, head: 0 },
      { layer: 2, head: 1 },
    ],
    gates: new Float32Array(2 * ids.length).fill(0.4),
    retrieved,
    earlier: { documents: [], columns: { document: none, index: none, token: none, begin: none, end: none } },
    received: new Float64Array(ids.length).fill(1),
  };
  const inspected = new InspectedText(inspection, bytes);
  return inspectionPage(inspection, summarize(inspection, wordsOfTokens(inspected.texts), 5), inspected);
}

/** Opens a report. Fails if anything in it fails, or if it requests anything else. */
async function open(html: string, options = {}): Promise<BrowserPage> {
  const path = join(folder, "report.html");
  fs.writeFileSync(path, html);
  const page = await launched().newPage({ viewport: { width: 1200, height: 800 }, ...options });
  const wrong: string[] = [];
  const failure = new Promise<never>((_, reject) => page.on("pageerror", reject)); // ends the wait at once
  failure.catch(() => {});
  page.on("pageerror", ({ message }) => wrong.push(message));
  page.on("request", (request) => {
    if (!request.url().startsWith("file:")) wrong.push(request.url());
  });
  await page.goto(pathToFileURL(path).href);
  await Promise.race([page.waitForSelector("body[data-ready]"), failure]);
  assert.equal(wrong, []);
  return page;
}

function launched(): Browser {
  if (browser === undefined) throw new Error("no browser");
  return browser;
}

const focused = (page: BrowserPage) => page.evaluate<string>("document.activeElement.id");
const panelOf = (page: BrowserPage) => page.locator("#panel").textContent();

const lines = Array.from({ length: 40 }, (_, i) => `line ${i + 1} has some words é\n`).join("");
const hostile = `</script><script>document.title = "owned"</script><!-- <img src=x onerror="document.title='owned'"> &amp;\n`;

test.unless(noBrowser, "pointing at a token shows what it retrieved, and marks it in the text", async () => {
  const page = await open(reportOf(lines));
  assert.match(await panelOf(page), "gain+6.00 nats"); // the token that gained most is open
  await page.locator("#t30").hover();
  const panel = await panelOf(page);
  assert.match(panel, "token 31, line 2");
  assert.match(panel, "14 tokens back · layer 2 head 0 · weight 0.50 · score 1.00");
  assert.is(await page.locator("#t15.retrieved").count(), 1);
  assert.is(await page.locator("#t30.gain-0, #t30.harm-4").count(), 1, "gains (30 mod 13) − 6 = −2 nats");
});

test.unless(noBrowser, "arrow keys move from token to token and line to line, Enter pins, Escape unpins", async () => {
  const page = await open(reportOf(lines));
  await page.evaluate("document.getElementById('t3').click()");
  await page.keyboard.press("Escape");
  await page.keyboard.press("ArrowRight");
  assert.is(await focused(page), "t4");
  await page.keyboard.press("ArrowDown");
  assert.is(await focused(page), `t${4 + Buffer.byteLength("line 1 has some words é\n")}`);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowLeft");
  assert.is(await focused(page), "t3");
  await page.keyboard.press("Enter");
  assert.match(await panelOf(page), "token 4, line 1, pinned");
  await page.keyboard.press("ArrowRight");
  assert.match(await panelOf(page), "token 4, line 1, pinned");
  await page.keyboard.press("Escape");
  await page.keyboard.press("ArrowRight");
  assert.match(await panelOf(page), "token 6, line 1");
});

test.unless(noBrowser, "arrow keys skip bytes that are only part of a character", async () => {
  const page = await open(reportOf("aé😀b\n"));
  await page.evaluate("document.getElementById('t0').click()");
  const visited = [];
  for (let i = 0; i < 4; i++) {
    await page.keyboard.press("ArrowRight");
    visited.push(await focused(page));
  }
  assert.equal(visited, ["t2", "t6", "t7", "t8"]);
});

test.unless(noBrowser, "a link in the panel goes to its place and leaves the panel as it is", async () => {
  const page = await open(reportOf(lines));
  await page.evaluate("location.hash = '#t900'");
  await page.waitForFunction("document.activeElement.id === 't900'");
  assert.match(await panelOf(page), "token 901, ");
  await page.locator("#panel a[href='#t450']").click();
  await page.waitForFunction("document.activeElement.id === 't450'");
  assert.match(await panelOf(page), /token 901, .*pinned/);
  await page.locator("tbody tr:first-child td:first-child a").click();
  await page.waitForFunction("document.activeElement.id !== 't450'");
  assert.not.match(await panelOf(page), "pinned");
});

test.unless(noBrowser, "on a phone the panel can be closed, and opens with the next token", async () => {
  const page = await open(reportOf(lines), { viewport: { width: 390, height: 800 } });
  const isShown = () => page.evaluate<boolean>(`document.getElementById("panel").getClientRects().length > 0`);
  assert.is(await isShown(), true);
  await page.locator("#panel .close").click();
  assert.is(await isShown(), false);
  assert.is(await page.locator("#text .shown, #text .retrieved").count(), 0);
  await page.evaluate("document.getElementById('t3').click()");
  assert.match(await panelOf(page), "token 4, line 1, pinned");
});

test.unless(noBrowser, "text that looks like HTML is text", async () => {
  const page = await open(reportOf(hostile.repeat(3)));
  await page.evaluate("document.getElementById('t8').click()");
  assert.match(await page.evaluate<string>("document.title"), "What a memory does for </script>");
  assert.is(await page.evaluate<string>("document.getElementById('text').textContent"), hostile.repeat(3));
  assert.is(await page.locator("#text img, #panel img, main script").count(), 0);
});

for (const colorScheme of ["light", "dark"]) {
  test.unless(noBrowser, `text is readable on every colour behind it (${colorScheme})`, async () => {
    const page = await open(reportOf(lines), { colorScheme });
    const ratios = await page.evaluate<number[]>(CONTRASTS);
    assert.is(ratios.length, 10);
    for (const ratio of ratios) assert.ok(ratio >= 4.5, `contrasts are ${ratios}`);
  });
}

/** Contrast ratios of ink and each colour of tokens over the paper (WCAG 2, relative luminance). */
const CONTRASTS = `(() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const text = document.getElementById("text");
  const paper = numbers(getComputedStyle(text).backgroundColor);
  const ink = luminance(numbers(getComputedStyle(text).color));
  return [...document.querySelectorAll('.swatch[class*="-"]')].map((swatch) => {
    const [r, g, b, alpha = 1] = numbers(getComputedStyle(swatch).backgroundColor);
    const seen = luminance([r, g, b].map((value, i) => alpha * value + (1 - alpha) * paper[i]));
    return (Math.max(ink, seen) + 0.05) / (Math.min(ink, seen) + 0.05);
  });
})()`;

test.unless(noBrowser, "a report of 20,000 tokens is small, and opens without painting what nobody sees", async () => {
  const text = lines.repeat(24).slice(0, 20_000);
  const html = reportOf(text);
  assert.ok(html.length < 5e6, `${html.length} bytes`);
  const page = await open(html, { viewport: { width: 1200, height: 800 } });
  const painted = await page.locator("#text span").count();
  assert.ok(painted > 0 && painted < 5000, `${painted} tokens are painted`);
});

test.unless(noBrowser, "before printing, every token has its colour", async () => {
  const page = await open(reportOf(lines.repeat(9)));
  const painted = () => page.locator("#text span").count();
  const tokens = Buffer.byteLength(lines.repeat(9));
  assert.ok((await painted()) < tokens, "only what is near the window is painted");
  await page.evaluate("dispatchEvent(new Event('beforeprint'))");
  assert.is(await painted(), tokens);
});

for (const width of [360, 768, 1280]) {
  test.unless(
    noBrowser,
    `in a window of ${width} pixels nothing is wider, and charts have legible labels`,
    async () => {
      const page = await open(reportOf(lines), { viewport: { width, height: 800 } });
      assert.is(await page.evaluate("document.documentElement.scrollWidth"), width);
      assert.is(await page.evaluate(`document.querySelector(".scroll").scrollWidth > innerWidth`), false);
      const sizes = await page.evaluate<number[]>(`[...document.querySelectorAll(".chart text")]
      .filter((text) => text.getClientRects().length > 0)
      .map((text) => parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.clientWidth / 640)`);
      assert.ok(sizes.length > 20 && Math.min(...sizes) >= 9.5, `${Math.min(...sizes)} pixels`);
    },
  );
}
