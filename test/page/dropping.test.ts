/** Files and folders that are dropped on the page from outside. */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import * as assert from "uvu/assert";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { isRead, noPage, until, type Visit, visitPage } from "./built.ts";
import { drop, executed, HOSTILE_NAME, textOf } from "./given.ts";

const test = suite("dropping");
const folder = folderFor(test, "dropping");
const at = (name: string) => join(folder, name);

let visit: Visit;
test.before(async () => {
  if (noPage === undefined) visit = await visitPage();
});
test.after(async () => {
  if (noPage === undefined) await visit.close();
});

function write(path: string, content: string | Uint8Array): string {
  fs.mkdirSync(dirname(at(path)), { recursive: true });
  fs.writeFileSync(at(path), content);
  return at(path);
}

const LINES = "const first = 1;\nuse(first);\n".repeat(20);

test.unless(noPage, "a document that is dropped anywhere is read", async () => {
  const { page } = await visit.open("sample=");
  await drop(page, write("dropped.ts", LINES));
  await isRead(page, "dropped.ts");
  await page.close();
});

test.unless(noPage, "a folder is one document: its texts by path, without what is hidden or binary", async () => {
  for (const path of ["b.ts", "a/z.ts", ".git/c.ts", "node_modules/d.ts"])
    write(`project/${path}`, `${path}\n${LINES}`);
  write("project/picture.bin", Uint8Array.of(1, 0, 2));
  const { page, wrong } = await visit.open("sample=");
  await drop(page, at("project"));
  await isRead(page, "project");
  assert.is(await textOf(page, "text"), `a/z.ts\n${LINES}b.ts\n${LINES}`);
  assert.is(await textOf(page, "refusal"), "Left out, since they are not text: project/picture.bin.");
  await page.evaluate(`document.getElementById("t2").click()`);
  await until(page, `panel.textContent.includes("project/a/z.ts, line 1")`);
  assert.equal(wrong, []);
  await page.close();
});

test.unless(noPage, "a folder and files with hostile names are read, and execute nothing", async () => {
  write(`${HOSTILE_NAME}/${HOSTILE_NAME}`, LINES);
  write(`${HOSTILE_NAME}/\u202egnp.txt`, LINES);
  const { page, wrong } = await visit.open("sample=");
  await drop(page, at(HOSTILE_NAME));
  await isRead(page, HOSTILE_NAME);
  await page.evaluate(`document.getElementById("t2").click()`);
  await until(page, `/, line 1/.test(panel.textContent)`);
  await page.evaluate(`document.getElementById("text").scrollIntoView({ block: "end" })`);
  await until(page, `document.getElementById("text").lastElementChild.lastElementChild !== null`);
  await page.evaluate(`document.getElementById("text").lastElementChild.lastElementChild.click()`);
  await until(page, `panel.textContent.includes("\\ufffdgnp.txt, line 40")`);
  assert.equal(await executed(page), []);
  assert.equal(wrong, []);
  await page.close();
});

test.unless(noPage, "an empty folder, and one with nothing but hidden files, are refused in one sentence", async () => {
  fs.mkdirSync(at("empty"), { recursive: true });
  write("hidden/.secret", LINES);
  const { page, wrong } = await visit.open("sample=");
  await drop(page, at("hidden"));
  await until(page, `!document.getElementById("refusal").hidden`);
  assert.is(await textOf(page, "refusal"), "the folder has only hidden files; choose one with texts");
  await drop(page, at("empty"));
  await until(page, `document.getElementById("refusal").textContent === "the folder has no file"`);
  assert.equal(wrong, []);
  await page.close();
});
