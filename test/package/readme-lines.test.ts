/** README, letter by letter, by somebody who has installed the package in a project whose path has spaces in it. */
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { suite } from "../harness.ts";
import { launchBrowser, noBrowser } from "../report/html/browser.ts";
import { projectWithPackage, run } from "./packed.ts";
import { serve } from "./server.ts";
import { root } from "./tools.ts";

const test = suite("README in a project");

const inNode = process.versions.deno === undefined ? undefined : "packs what tsc has compiled, in Node";
const readme = fs.readFileSync(join(root, "README.md"), "utf8");

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"))].map(([, code]) => code);
}

/** The commands for a project; `npm install` is what `projectWithPackage` does. */
const lines = blocks("sh")
  .flatMap((block) => block.trim().split("\n"))
  .filter((line) => line.startsWith("npx memorizing "));

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
  assert.ok(readme.includes("\nnpm install memorizing-transformer\n"));
  assert.is(lines.length, 3);
  assert.is(blocks("ts").length, 2);
  assert.is(blocks("html").length, 1);
});

for (const line of lines) {
  test.unless(inNode, `runs: ${line.replace(/ +#.*/, "")}`, () => {
    assert.match(run("bash", ["-c", line], project), /\S/);
    for (const [, file] of line.matchAll(/--(?:html|save) (\S+)/g)) assert.ok(fs.existsSync(join(project, file)), file);
  });
}

for (const [i, code] of blocks("ts").entries()) {
  test.unless(inNode, `example ${i + 1} runs as printed, and prints`, () => {
    fs.writeFileSync(join(project, "example.js"), code);
    const printed = run(process.execPath, ["example.js"], project);
    assert.match(printed, /\S/);
    assert.not.match(printed, /NaN|undefined/);
  });
}

test.unless(inNode ?? noBrowser, "the page reads a file of the visitor's own and writes", async () => {
  const [page] = blocks("html");
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
