/** The page in a real browser: it computes what the command line computes, and can be used by everyone, anywhere. */
import * as fs from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as assert from "uvu/assert";
import { pagePolicy } from "../../src/serve/page-headers.ts";
import { memorizing } from "../cli/child.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { root } from "../package/tools.ts";
import { builtPage, isRead, KERNELS, noPage, until, type Visit, visitPage } from "./built.ts";
import { file, TEXT, textOf } from "./given.ts";

const test = suite("page");
const folder = folderFor(test, "page");

let visit: Visit;
test.before(async () => {
  if (noPage === undefined) visit = await visitPage();
});
test.after(async () => {
  if (noPage === undefined) await visit.close();
});

test.unless(noPage, "the policy in the page is that of its server", () => {
  assert.ok(
    fs.readFileSync(join(builtPage, "index.html"), "utf8").replaceAll("&#39;", "'").includes(`content="${pagePolicy}"`),
  );
});

test.unless(noPage, "losses are those of the command line, bit for bit, for every size of memory", async () => {
  const { page, wrong } = await visit.open(`${KERNELS}sample=`);
  await page.setInputFiles("#files", file("text.ts", TEXT));
  await isRead(page, "text.ts");
  const found = await page.evaluate<Record<string, number[]>>("globalThis.losses");
  fs.writeFileSync(join(folder, "text.ts"), TEXT);
  const sizes = Object.keys(found).map(Number);
  assert.ok(sizes.length > 2);
  const losses = join(folder, "losses.jsonl");
  const line = ["eval", "reader-1m", "--data", join(folder, "text.ts"), "--memory", sizes.join(), "--losses", losses];
  assert.is(memorizing(...line).code, 0);
  const lines = fs.readFileSync(losses, "utf8").trim().split("\n");
  const expected = lines.map((text) => JSON.parse(text) as { memory: number; index: number; nats: number });
  assert.is(
    expected.length,
    sizes.reduce((sum, size) => sum + found[size].length - 1, 0),
  );
  for (const { memory, index, nats } of expected)
    assert.is(found[memory][index], nats, `token ${index}, memory ${memory}`);
  assert.equal(wrong, []);
});

test.unless(noPage, "the slider changes the colours at once, and a token shows the passage that told it", async () => {
  const { page, wrong } = await visit.open("sample=");
  await page.setInputFiles("#files", file("text.ts", TEXT));
  await isRead(page, "text.ts");
  const inWindow = "#text > div:nth-last-child(-n+4) [class*=gain-]"; // far parts get their colours when they come near
  const coloured = () => page.evaluate<number>(`document.querySelectorAll("${inWindow}").length`);
  const choose = (place: number) =>
    page.evaluate(`size.value = ${place}; size.dispatchEvent(new Event("input", { bubbles: true }))`);
  await page.evaluate(`document.getElementById("text").scrollIntoView({ block: "end" })`);
  await choose(4);
  await until(page, `document.querySelectorAll("${inWindow}").length > 50`);
  const withMemory = await coloured();
  await choose(0);
  await until(page, `document.querySelectorAll("${inWindow}").length === 0`);
  await choose(4);
  await until(page, `document.querySelectorAll("${inWindow}").length >= ${withMemory}`);
  await page.evaluate(`document.querySelector("#text [class*=gain-4], #text [class*=gain-5]").click()`);
  await page.waitForSelector("#panel blockquote mark");
  assert.match(await textOf(page, "panel"), /tokens back · layer 2 head \d · weight 0\.\d\d · score/);
  assert.match(await textOf(page, "panel"), /Gates/);
  assert.match(await textOf(page, "figures"), /change−\d/);
  assert.ok((await page.locator("#charts figure > svg").count()) === 2);
  assert.equal(wrong, []);
});

test.unless(
  noPage,
  "the word that gained most is open in a wide window, and none in that of a phone until a tap",
  async () => {
    for (const width of [1280, 390]) {
      const { page } = await visit.open("sample=", { viewport: { width, height: 800 } });
      await page.setInputFiles("#files", file("text.ts", TEXT));
      await isRead(page, "text.ts");
      const isOpen = `panel.getClientRects().length > 0`;
      if (width > 390) await until(page, `/^The word that gained most/.test(panel.textContent)`);
      else {
        await until(page, `document.querySelectorAll("#charts figure > svg").length === 2`);
        assert.is(await page.evaluate(isOpen), false);
      }
      await page.evaluate(`document.getElementById("text").scrollIntoView()`);
      await page.waitForSelector("#t30");
      await page.evaluate(`document.getElementById("t30").click()`);
      await until(page, `/^×.*token 31, .*pinned/.test(panel.textContent)`);
      assert.is(await page.evaluate(isOpen), true);
      assert.match(await textOf(page, "size-name"), "the whole text fits");
      await page.evaluate(`size.value = 0; size.dispatchEvent(new Event("input", { bubbles: true }))`);
      await until(page, `/The memory was switched off\\./.test(panel.textContent)`);
      await page.close();
    }
  },
);

test.unless(noPage, "the keyboard alone: to a token, along the text, and a token stays", async () => {
  const { page } = await visit.open("sample=");
  await page.setInputFiles("#files", file("text.ts", TEXT));
  await isRead(page, "text.ts");
  await page.evaluate(`document.querySelector("#text [tabindex]").focus()`);
  for (let i = 0; i < 30; i++) await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await until(page, `/pinned/.test(panel.textContent)`);
  const id = await page.evaluate<string>("document.activeElement.id");
  assert.match(await textOf(page, "panel"), `token ${Number(id.slice(1)) + 1},`);
});

test.unless(
  noPage,
  "writing: the same seed gives the same text with memory and without, and a token shows its passage",
  async () => {
    const { page, wrong } = await visit.open("sample=");
    await page.setInputFiles("#files", file("text.ts", TEXT));
    await isRead(page, "text.ts");
    await page.locator("#prompt").fill(TEXT.slice(TEXT.indexOf("use("), TEXT.indexOf("use(") + 8));
    await page.locator("#tokens").fill("12");
    const write = async () => {
      await page.locator("#writing button[type=submit]").click();
      await until(
        page,
        `document.getElementById("stop-writing").hidden && document.getElementById("with").children.length > 6`,
      );
      return Promise.all([textOf(page, "with"), textOf(page, "without")]);
    };
    const first = await write();
    assert.not.equal(first[0], first[1]);
    assert.equal(await write(), first);
    await page.evaluate(`document.querySelector("#with span[role=button]").click()`);
    assert.match(await textOf(page, "origin"), /text\.ts, line \d+ · layer 2 head \d · weight/);
    assert.equal(wrong, []);
  },
);

test.unless(noPage, "a token that was not read is not shown as known, and half a text cannot be kept", async () => {
  const { page, wrong } = await visit.open(`${KERNELS}sample=`);
  await page.setInputFiles("#files", file("first.ts", TEXT));
  await isRead(page, "first.ts");
  assert.is(await page.evaluate("keep.disabled"), false);
  await page.setInputFiles("#files", file("long.ts", TEXT.repeat(30)));
  await until(page, "keep.disabled");
  await page.evaluate(`document.getElementById("stop").click()`);
  const lastPart = `document.querySelector("#text > :last-child")`;
  await page.evaluate(`${lastPart}.scrollIntoView()`);
  await until(page, `${lastPart}.childElementCount > 0`);
  await page.evaluate(`${lastPart}.lastElementChild.click()`);
  await until(page, `/has not read this token/.test(panel.textContent)`);
  const panel = await textOf(page, "panel");
  assert.match(panel, /without memory\s*not read\s*with memory\s*not read/);
  assert.not.match(panel, /nats/);
  assert.is(await page.evaluate("keep.disabled"), true);
  assert.equal(wrong, []);
  await page.close();
});

test.unless(noPage, "after the first visit it opens without a network, and reads", async () => {
  const { page } = await visit.open("sample=");
  await until(page, `navigator.serviceWorker.controller !== null`);
  await page.goto(`${visit.address}samples/SOURCES.txt`);
  assert.match(await page.evaluate<string>("document.body.textContent"), "Dorian Gray");
  await page.context().setOffline(true);
  await page.goto(`${visit.address}source/src/memory/ring.ts.txt`);
  assert.match(await page.evaluate<string>("document.body.textContent"), "class ");
  await page.goto(`${visit.address}?sample=`);
  await until(page, `/is open/.test(document.getElementById("status").textContent)`);
  await page.setInputFiles("#files", file("text.ts", TEXT));
  await isRead(page, "text.ts");
  await page.context().setOffline(false);
});

test.unless(noPage, "the page and its kernels are under 300 kB behind gzip, without the model", async () => {
  const { compressedBytes } = await import(pathToFileURL(join(root, "page/size.mjs")).href);
  const bytes = compressedBytes(builtPage);
  assert.ok(bytes > 100_000, "the kernels are counted");
  assert.ok(bytes < 300_000, `${bytes} bytes`);
});

for (const width of [360, 390, 1280]) {
  for (const colorScheme of ["light", "dark"]) {
    test.unless(noPage, `nothing is wider than a window of ${width} pixels (${colorScheme})`, async () => {
      const { page } = await visit.open("sample=", { viewport: { width, height: 800 }, colorScheme });
      await page.setInputFiles("#files", file("text.ts", TEXT));
      await isRead(page, "text.ts");
      const wider = await page.evaluate<string[]>(`[...document.querySelectorAll("body *")]
        .filter((element) => element.getBoundingClientRect().right > innerWidth + 1 && !element.closest("svg, .skip"))
        .map((element) => element.outerHTML.slice(0, 80))`);
      assert.equal(wider, []);
      await page.close();
    });
  }
}
