/** Models that a visitor gives to the page: those that others trained, dropped or chosen, and damaged or hostile ones. */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { absent, stories } from "../families/golden-models.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { root } from "../package/tools.ts";
import type { BrowserPage } from "../report/html/browser.ts";
import { isRead, noPage, until, type Visit, visitPage } from "./built.ts";
import { drop, executed, file, HOSTILE_NAME, TEXT, textOf } from "./given.ts";

const test = suite("models of the page");
const folder = folderFor(test, "models");

let visit: Visit;
test.before(async () => {
  if (noPage === undefined) visit = await visitPage();
});
test.after(async () => {
  if (noPage === undefined) await visit.close();
});

/** A story that the tiny Llama begins as llama2.c's documentation prints it, and a text that it reads. */
async function writesItsStory(page: BrowserPage): Promise<void> {
  assert.match(await textOf(page, "facts"), "tokens it knows512");
  await page.setInputFiles(
    "#files",
    file("story.txt", "Once upon a time, there was a little girl named Lily.\n".repeat(60)),
  );
  await isRead(page, "story.txt");
  await page.locator("#prompt").fill("Once upon a time, there was a little girl named");
  await page.locator("#tokens").fill("6");
  await page.locator("#temperature").fill("0");
  await page.locator("#writing button[type=submit]").click();
  await until(page, `document.getElementById("stop-writing").hidden && without.children.length > 3`);
  assert.is(await textOf(page, "without"), "Once upon a time, there was a little girl named Lily. She loved to");
  assert.match(await textOf(page, "with"), /^Once upon a time, there was a little girl named \S+/);
}

test.unless(noPage ?? absent, "a dropped directory of transformers is opened, whatever else is in it", async () => {
  const own = join(folder, "tiny llama");
  fs.mkdirSync(join(own, "onnx"), { recursive: true });
  for (const name of ["config.json", "model.safetensors", "tokenizer.json", "README.md"]) {
    fs.copyFileSync(join(stories, "hf", name), join(own, name));
  }
  for (const name of ["onnx/config.json", "onnx/tokenizer.json", "onnx/model.onnx"])
    fs.writeFileSync(join(own, name), "no");
  const { page, wrong } = await visit.open("sample=");
  await drop(page, own);
  await until(page, `document.getElementById("status").textContent === "tiny llama is open. Choose a text."`);
  await writesItsStory(page);
  assert.equal(wrong, []);
  await page.close();
});

test.unless(noPage ?? absent, "a .gguf that is chosen is opened", async () => {
  const { page, wrong } = await visit.open("sample=");
  await page.setInputFiles("#gguf", join(stories, "gguf/stories260K-q8_0.gguf"));
  await until(page, `/stories260K-q8_0.gguf is open/.test(document.getElementById("status").textContent)`);
  await writesItsStory(page);
  assert.equal(wrong, []);
  await page.close();
});

const shipped = (name: string) => fs.readFileSync(join(root, "models/reader-1m", name));
const changed = (name: string, change: object) =>
  JSON.stringify({ ...JSON.parse(shipped(name).toString()), ...change });
const explosive = { type: "Split", pattern: { Regex: "(a+)+$" }, behavior: "Isolated", invert: false };
const header = (length: bigint, rest: string) =>
  Buffer.concat([Buffer.from(BigUint64Array.of(length).buffer), Buffer.from(rest)]);

/** What is wrong, the file in place of a good one, and what the sentence says. */
const damaged: [what: string, name: string, content: string | Buffer, says: RegExp][] = [
  [
    "a layer of a thousand million numbers",
    "config.json",
    changed("config.json", { hidden_size: 1e9 }),
    /hidden_size|shape|fit/,
  ],
  [
    "a name of a file in its configuration",
    "config.json",
    changed("config.json", { model_type: HOSTILE_NAME }),
    /model_type|img/,
  ],
  ["a configuration that is nested without end", "config.json", "[".repeat(1e5), /config\.json/],
  ["weights whose header is longer than any file", "model.safetensors", header(2n ** 63n, "{}"), /model\.safetensors/],
  [
    "weights that are cut off",
    "model.safetensors",
    shipped("model.safetensors").subarray(0, 99_999),
    /model\.safetensors/,
  ],
  [
    "a pattern on which an engine spends a lifetime",
    "tokenizer.json",
    changed("tokenizer.json", { pre_tokenizer: explosive }),
    /tokenizer\.json/,
  ],
  ["a tokenizer of zeros", "tokenizer.json", "\0".repeat(1e6), /tokenizer\.json/],
];

for (const [what, name, content, says] of damaged) {
  test.unless(noPage, `a model with ${what} is refused in one sentence, and the open one stays`, async () => {
    const own = join(fs.mkdtempSync(join(folder, "damaged-")), HOSTILE_NAME);
    fs.mkdirSync(own);
    for (const good of ["config.json", "model.safetensors", "tokenizer.json"])
      fs.writeFileSync(join(own, good), shipped(good));
    fs.writeFileSync(join(own, name), content);
    const { page, wrong } = await visit.open("sample=");
    await drop(page, own);
    await until(page, `!document.getElementById("refusal").hidden`);
    const sentence = await textOf(page, "refusal");
    assert.match(sentence, says);
    assert.not.match(sentence, /\n|\.js:\d/);
    assert.match(await textOf(page, "status"), "reader-1m is open.");
    await page.setInputFiles("#files", file("text.ts", TEXT.slice(0, 400)));
    await isRead(page, "text.ts");
    assert.equal(await executed(page), []);
    assert.equal(wrong, []);
    await page.close();
  });
}

test.unless(noPage, "a damaged .gguf, and a folder without a model, are refused in one sentence", async () => {
  const { page, wrong } = await visit.open("sample=");
  await page.setInputFiles("#gguf", { name: "bad.gguf", mimeType: "", buffer: Buffer.from("GGUF and no more") });
  await until(page, `!document.getElementById("refusal").hidden`);
  assert.match(await textOf(page, "refusal"), /^bad\.gguf[^\n]*$/);
  const other = join(folder, "other");
  fs.mkdirSync(other);
  fs.writeFileSync(join(other, "notes.txt"), "no model");
  await page.setInputFiles("#model-folder", other);
  await until(page, `/config\\.json/.test(document.getElementById("refusal").textContent)`);
  assert.equal(wrong, []);
  await page.close();
});
