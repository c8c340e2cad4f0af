/** Memories that the browser keeps: there at the next visit, the command line's, whole whenever a tab is closed. */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { decodeMemory } from "../../src/memory/memory-file.ts";
import { memorizing } from "../cli/child.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import type { BrowserPage } from "../report/html/browser.ts";
import { isRead, KERNELS, noPage, until, type Visit, visitPage } from "./built.ts";
import { executed, file, HOSTILE_NAME, TEXT, textOf } from "./given.ts";

const test = suite("memories of the page");
const folder = folderFor(test, "memories");

let visit: Visit;
test.before(async () => {
  if (noPage === undefined) visit = await visitPage();
});
test.after(async () => {
  if (noPage === undefined) await visit.close();
});

/** The bytes of a memory that the browser keeps. */
async function keptFile(page: BrowserPage, name: string): Promise<Uint8Array> {
  const base64 = await page.evaluate<string>(`(async () => {
    const memories = await (await navigator.storage.getDirectory()).getDirectoryHandle("memories");
    const bytes = new Uint8Array(await (await (await memories.getFileHandle(${JSON.stringify(name)})).getFile()).arrayBuffer());
    let text = "";
    for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
    return btoa(text);
  })()`);
  return new Uint8Array(Buffer.from(base64, "base64"));
}

/** A memory's file that the command line made of a text. */
function savedMemory(name: string, text: string): Uint8Array {
  const [path, saved] = [join(folder, name), join(folder, `${name}.memory.safetensors`)];
  fs.writeFileSync(path, text);
  const { code, stderr } = memorizing("read", "reader-1m", path, "--save", saved, "--memory", "32768");
  assert.is(code, 0, stderr);
  return new Uint8Array(fs.readFileSync(saved));
}

test.unless(
  noPage,
  "a memory that is kept is the command line's, is there at the next visit, and can be deleted",
  async () => {
    const { page, wrong } = await visit.open(`${KERNELS}sample=`);
    await page.setInputFiles("#files", file("text.ts", TEXT));
    await isRead(page, "text.ts");
    await page.locator("#keep").click();
    await page.waitForSelector("#kept .name");
    assert.match(await textOf(page, "kept"), /text\.ts\.memory\.safetensors\d[\d.]* (?:kB|MB)/);
    const [kept, own] = [await keptFile(page, "text.ts.memory.safetensors"), savedMemory("text.ts", TEXT)];
    assert.ok(kept.length > 1e5);
    assert.ok(Buffer.from(kept.slice(-1e5)).equals(Buffer.from(own.slice(-1e5))), "the same pairs and sources");
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
    await page.close();
  },
);

test.unless(noPage, "another text of the same name is kept beside the first, the same text only once", async () => {
  const { page, wrong } = await visit.open(`${KERNELS}sample=`);
  const keep = async (name: string, text: string, names: RegExp) => {
    await page.setInputFiles("#files", file(name, text));
    await isRead(page, name);
    await page.locator("#keep").click();
    await until(
      page,
      `${names}.test([...document.querySelectorAll("#kept .name")].map((one) => one.textContent).join(" "))`,
    );
  };
  await keep("same.ts", TEXT, /^same\.ts\.memory\S+$/);
  const first = await keptFile(page, "same.ts.memory.safetensors");
  await keep("between.ts", TEXT, /^between\S+ same\S+$/);
  await keep("same.ts", TEXT.toUpperCase(), /same\.ts-2\.memory/);
  await keep("between.ts", TEXT, /^between\S+ same\S+ same\S+$/);
  assert.equal(await keptFile(page, "same.ts.memory.safetensors"), first);
  assert.not.equal(await keptFile(page, "same.ts-2.memory.safetensors"), first);
  assert.equal(wrong, []);
  await page.close();
});

test.unless(
  noPage,
  "a text that is read after a memory's file retrieves from it, and another model begins with none",
  async () => {
    const { page, wrong } = await visit.open(`${KERNELS}sample=`);
    const given = {
      name: `${HOSTILE_NAME}.memory.safetensors`,
      mimeType: "",
      buffer: Buffer.from(savedMemory("a.ts", TEXT)),
    };
    await page.setInputFiles("#memory-file", given);
    await until(
      page,
      `/is read after [\\d,]+ pairs of .*a\\.ts/.test(document.getElementById("memory-status").textContent)`,
    );
    await page.setInputFiles("#files", file("later.ts", TEXT.slice(TEXT.indexOf("use("))));
    await isRead(page, "later.ts");
    await page.evaluate(`document.getElementById("t40").click()`);
    await until(page, `/a\\.ts, line \\d+/.test(panel.textContent)`);
    assert.equal(await executed(page), []);
    const used = `[...document.querySelectorAll("#kept button")].filter((one) => one.textContent === "Begin with none").length`;
    assert.is(await page.evaluate(used), 1);
    await page.locator("#shipped").click();
    await until(page, `${used} === 0`);
    assert.is(await page.evaluate("keep.disabled"), true);
    assert.equal(wrong, []);
    await page.close();
  },
);

test.unless(noPage, "a damaged memory is refused in one sentence that names it, and is not kept", async () => {
  const { page, wrong } = await visit.open("sample=");
  const whole = savedMemory("b.ts", TEXT);
  for (const bytes of [
    whole.slice(0, 5000),
    whole.with(whole.length - 9, whole[whole.length - 9] ^ 1),
    Uint8Array.of(),
  ]) {
    await page.setInputFiles("#memory-file", {
      name: "bad.memory.safetensors",
      mimeType: "",
      buffer: Buffer.from(bytes),
    });
    await until(page, `!document.getElementById("refusal").hidden`);
    assert.match(await textOf(page, "refusal"), /^bad\.memory\.safetensors[^\n]*$/);
    await page.evaluate(`document.getElementById("refusal").hidden = true`);
  }
  assert.match(await textOf(page, "kept"), "No memory is kept yet.");
  assert.equal(wrong, []);
  await page.close();
});

test.unless(noPage, "a tab that is closed while it saves loses no memory that was saved before", async () => {
  const { page: first } = await visit.open("sample=");
  await first.setInputFiles("#files", file("text.ts", TEXT));
  await isRead(first, "text.ts");
  await first.locator("#keep").click();
  await first.waitForSelector("#kept .name");
  const name = "text.ts.memory.safetensors";
  const lengths = [decodeMemory(await keptFile(first, name), name).length];
  for (const [i, delay] of [0, 2, 5, 10, 20].entries()) {
    const { page } = await visit.open("sample=", {}, first);
    await page.setInputFiles("#files", file("text.ts", TEXT.repeat(i + 2)));
    await isRead(page, "text.ts");
    await page.locator("#keep").click();
    await until(page, `/100 %|is kept/.test(document.getElementById("memory-status").textContent)`);
    await new Promise((resolve) => setTimeout(resolve, delay));
    await page.close();
    lengths.push(decodeMemory(await keptFile(first, name), name).length); // throws if it is not whole
  }
  for (const [i, length] of lengths.entries())
    assert.ok(length >= lengths[0], `${length} pairs after ${i} closed tabs`);
  await first.close();
});
