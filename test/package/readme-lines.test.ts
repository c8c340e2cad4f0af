/** Every line of README and docs that a project would run, in a project that installed the package, in a path with spaces. */
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { blocks, guides, read } from "../documents.ts";
import { suite } from "../harness.ts";
import { launchBrowser, noBrowser } from "../report/html/browser.ts";
import { projectWithPackage, run } from "./packed.ts";
import { serve } from "./server.ts";

const test = suite("README in a project");

const inNode = process.versions.deno === undefined ? undefined : "packs what tsc has compiled, in Node";
const texts = guides.map(read);

/** The commands for a project. `projectWithPackage` does what `npm install` would. */
const lines = blocks("sh", ...texts)
  .flatMap((block) => block.trim().split("\n"))
  .filter((line) => line.startsWith("npx memorizing ") && !line.includes(".gguf")); // those are in foreign-models.test.ts

let project = "";
test.before(() => {
  if (inNode !== undefined) return;
  project = projectWithPackage();
  fs.writeFileSync(join(project, "NOTES.md"), "The key of the house lies under the third stone. ".repeat(8));
  fs.writeFileSync(join(project, "MORE.md"), "The stones were laid by a neighbour. ".repeat(8));
});
test.after(() => {
  if (project !== "") fs.rmSync(project, { recursive: true, force: true });
});

test("has commands and examples for a project", () => {
  assert.ok(texts[0].includes("\nnpm install memorizing-transformer\n"));
  assert.is(lines.length, 3);
  assert.is(blocks("ts", ...texts).length, 3);
  assert.is(blocks("html", ...texts).length, 1);
});

for (const line of lines) {
  test.unless(inNode, `runs: ${line.replace(/ +#.*/, "")}`, () => {
    assert.match(run("bash", ["-c", line], project), /\S/);
    for (const [, file] of line.matchAll(/--(?:html|save) (\S+)/g)) assert.ok(fs.existsSync(join(project, file)), file);
  });
}

for (const [i, code] of blocks("ts", ...texts).entries()) {
  test.unless(inNode, `example ${i + 1} runs as printed, and prints`, () => {
    fs.writeFileSync(join(project, "example.js"), code);
    const printed = run(process.execPath, ["example.js"], project);
    assert.match(printed, /\S/);
    assert.not.match(printed, /NaN|undefined/);
  });
}

test.unless(inNode ?? noBrowser, "the page reads a file of the visitor's own and writes", async () => {
  const [page] = blocks("html", ...texts);
  fs.writeFileSync(join(project, "index.html"), `<!doctype html><meta charset="utf-8">${page}`);
  const served = await serve(project, false);
  const browser = await launchBrowser();
  try {
    const opened = await browser.newPage({});
    const wrong: string[] = [];
    opened.on("pageerror", ({ message }) => wrong.push(message));
    await opened.goto(served.address);
    await opened.waitForFunction("file.onchange !== null");
    await opened.setInputFiles("#file", join(project, "NOTES.md"));
    await opened.waitForFunction("answer.textContent.length > 20");
    assert.equal(wrong, []);
  } finally {
    await browser.close();
    served.close();
  }
});
