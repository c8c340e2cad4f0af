/** The page in a real browser: it computes what the command line computes, and no text that it is given becomes code. */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { pagePolicy } from "../../src/serve/page-headers.ts";
import { build } from "../../src/wasm/build.ts";
import { memorizing } from "../cli/child.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import type { BrowserPage } from "../report/html/browser.ts";
import { builtPage, isRead, noPage, until, type Visit, visitPage } from "./built.ts";

const test = suite("page");
const folder = folderFor(test, "page");

/** The build of this process, so that both sides compute with the same kernels. */
const KERNELS = build === "plain" ? "kernels=plain&" : "";

let visit: Visit;
test.before(async () => {
  if (noPage === undefined) visit = await visitPage();
});
test.after(async () => {
  if (noPage === undefined) await visit.close();
});

const textOf = (page: BrowserPage, id: string) => page.evaluate<string>(`document.getElementById("${id}").textContent`);
const file = (name: string, text: string) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });

/** Some 1,500 tokens: names that nobody has seen, and then the same names again, out of the reach of local attention. */
const TEXT = (() => {
  const random = new Random(1);
  const letters = (count: number) =>
    Array.from({ length: count }, () => "abdegiklmnoprstuvz"[Math.floor(18 * random.next())]);
  const names = Array.from({ length: 50 }, () => `${letters(5).join("")}${letters(4).join("").toUpperCase()}`);
  const list = names.map((name, i) => `const ${name} = ${i};\n`).join("");
  return `${list}${names.map((name) => `use(${name});\n`).join("")}`;
})();

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
  const coloured = () => page.evaluate<number>(`document.querySelectorAll("#text [class*=gain-]").length`);
  const choose = (place: number) =>
    page.evaluate(`size.value = ${place}; size.dispatchEvent(new Event("input", { bubbles: true }))`);
  await choose(4);
  const withMemory = await coloured();
  await choose(0);
  assert.is(await coloured(), 0);
  await choose(4);
  await until(page, `document.querySelectorAll("#text [class*=gain-]").length === ${withMemory}`);
  assert.ok(withMemory > 50, `${withMemory} tokens`);
  await page.evaluate(`document.querySelector("#text [class*=gain-4], #text [class*=gain-5]").click()`);
  await page.waitForSelector("#panel blockquote mark");
  assert.match(await textOf(page, "panel"), /tokens back · layer 2 head \d · weight 0\.\d\d · score/);
  assert.match(await textOf(page, "panel"), /Gates/);
  assert.match(await textOf(page, "figures"), /change−\d/);
  assert.ok((await page.locator("#charts svg").count()) === 2);
  assert.equal(wrong, []);
});

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

const HOSTILE = `</script><script>document.title = "owned"</script><img src=x onerror="document.title='owned'">&amp;\n`;

const hostile: [name: string, file: ReturnType<typeof file>][] = [
  ["a text with a script", file("script.html", HOSTILE.repeat(30))],
  ["a file whose name is HTML", file(`<img src=x onerror="document.title='owned'">.txt`, HOSTILE.repeat(3))],
  ["one long line", file("line.txt", "a line without an end, ".repeat(3000))],
  ["controls and bidirectional marks", file("controls.txt", "\u0001\u001b[31m\u202e\ufeff\ud7ff".repeat(400))],
];

for (const [name, given] of hostile) {
  test.unless(noPage, `${name} is read, and executes nothing`, async () => {
    const { page, wrong } = await visit.open("sample=");
    await page.setInputFiles("#files", given);
    await until(page, `globalThis.losses?.[128]?.length > 100`);
    await page
      .locator("#stop")
      .click()
      .catch(() => {}); // it may have read everything
    assert.is(await page.evaluate<string>(`document.getElementById("text").textContent`), given.buffer.toString());
    assert.is(await page.evaluate("document.title"), "A model that remembers what it reads");
    assert.is(await page.locator("main img, main script, #status img").count(), 0);
    assert.equal(wrong, []);
    await page.close();
  });
}

test.unless(
  noPage,
  "5 MB are read up to a limit, which a sentence names, and the reading stops on request",
  async () => {
    const { page, wrong } = await visit.open("sample=");
    await page.setInputFiles("#files", file("large.txt", HOSTILE.repeat(5e6 / HOSTILE.length)));
    await until(page, `globalThis.losses?.[128]?.length > 100`);
    assert.match(await textOf(page, "refusal"), "A page reads 131,072 tokens at most; large.txt is read up to there.");
    await page.locator("#stop").click();
    await until(page, `document.getElementById("stop").hidden`);
    assert.match(await textOf(page, "status"), "Stopped.");
    assert.equal(wrong, []);
    await page.close();
  },
);

for (const [name, given] of [
  ["a file of zeros", file("zeros.bin", "\0".repeat(5000))],
  ["a file in another encoding", { ...file("latin.txt", ""), buffer: Buffer.from([0x61, 0xe9, 0x62]) }],
  ["an empty file", file("empty.txt", "")],
] as const) {
  test.unless(noPage, `${name} is refused in one sentence that names it`, async () => {
    const { page, wrong } = await visit.open("sample=");
    await page.setInputFiles("#files", given);
    await until(page, `!document.getElementById("refusal").hidden`);
    assert.match(await textOf(page, "refusal"), given.name);
    assert.equal(wrong, []);
    await page.close();
  });
}

test.unless(noPage, "a damaged model is refused in one sentence, and the open one stays", async () => {
  const { page, wrong } = await visit.open("sample=");
  await page.setInputFiles("#gguf", { name: "bad.gguf", mimeType: "", buffer: Buffer.from("GGUF and no more") });
  await until(page, `!document.getElementById("refusal").hidden`);
  assert.match(await textOf(page, "refusal"), "bad.gguf");
  await page.setInputFiles("#files", file("text.ts", TEXT));
  await isRead(page, "text.ts");
  assert.equal(wrong, []);
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

test.unless(
  noPage,
  "a memory that is kept is there at the next visit, is the command line's, and can be deleted",
  async () => {
    const context = { acceptDownloads: true };
    const { page, wrong } = await visit.open(`${KERNELS}sample=`, context);
    await page.setInputFiles("#files", file("text.ts", TEXT));
    await isRead(page, "text.ts");
    await page.locator("#keep").click();
    await page.waitForSelector("#kept .name");
    const kept = await page.evaluate<number[]>(`(async () => {
    const memories = await (await navigator.storage.getDirectory()).getDirectoryHandle("memories");
    const file = await (await memories.getFileHandle("text.ts.memory.safetensors")).getFile();
    return [...new Uint8Array(await file.arrayBuffer())];
  })()`);
    fs.writeFileSync(join(folder, "text.ts"), TEXT);
    const saved = join(folder, "text.memory.safetensors");
    const { code, stderr } = memorizing(
      "read",
      "reader-1m",
      join(folder, "text.ts"),
      "--save",
      saved,
      "--memory",
      "32768",
    );
    assert.is(code, 0, stderr);
    const own = fs.readFileSync(saved);
    const named = (bytes: Uint8Array) =>
      Buffer.from(bytes)
        .toString("latin1")
        .replaceAll(/"(checksum|documents)":"(?:[^"\\]|\\.)*"/g, "");
    assert.is(kept.length > 1e5, true);
    assert.ok(named(Uint8Array.from(kept)).slice(-1e5) === named(own).slice(-1e5), "the same pairs and sources");
    await page.goto(`${visit.address}?sample=`);
    await page.waitForSelector("#kept .name");
    await until(page, `/is open/.test(document.getElementById("status").textContent)`);
    await page.evaluate(`document.querySelector("#kept button").click()`);
    await until(
      page,
      `/is read after [\\d,]+ pairs of text.ts/.test(document.getElementById("memory-status").textContent)`,
    );
    await page.evaluate(`[...document.querySelectorAll("#kept button")].at(-1).click()`);
    await until(page, `/No memory is kept/.test(document.getElementById("kept").textContent)`);
    assert.equal(wrong, []);
  },
);

test.unless(noPage, "after the first visit it opens without a network, and reads", async () => {
  const { page } = await visit.open("sample=");
  await until(page, `navigator.serviceWorker.controller !== null`);
  await page.context().setOffline(true);
  await page.goto(`${visit.address}?sample=`);
  await until(page, `/is open/.test(document.getElementById("status").textContent)`);
  await page.setInputFiles("#files", file("text.ts", TEXT));
  await isRead(page, "text.ts");
  await page.context().setOffline(false);
});

test.unless(noPage, "the page and its kernels are under 300 kB behind gzip, without the model", async () => {
  const { gzipSync } = await import("node:zlib");
  const names = fs.readdirSync(builtPage, { recursive: true, encoding: "utf8" });
  const shipped = names.filter(
    (name) => !/^(models|samples)/.test(name) && fs.statSync(join(builtPage, name)).isFile(),
  );
  const bytes = shipped.reduce(
    (sum, name) => sum + gzipSync(fs.readFileSync(join(builtPage, name)), { level: 9 }).length,
    0,
  );
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
