/**
 * Takes the pictures of the README from a real run: `reader-1m` reads a file of this repository, and the page of `memorizing
 * inspect` shows a name whose definition was retrieved. Needs a build, and what `npm run test:browsers` installs.
 *
 *   node docs/picture.mjs [FILE]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "../test/bundlers/node_modules/playwright-core/index.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const file = process.argv[2] ?? "src/formats/safetensors.ts";
const folder = mkdtempSync(join(tmpdir(), "picture-"));

/** Runs `memorizing inspect` and returns what it prints. */
function inspect(...options) {
  const args = ["dist/src/cli/main.js", "inspect", "reader-1m", file, ...options];
  return execFileSync(process.execPath, args, { cwd: root, encoding: "utf8", maxBuffer: 2 ** 28 });
}

/**
 * Chooses the token to show: of a name that was defined at least 512 tokens before and retrieved there with half of a
 * head's weight, the one that gained most.
 */
function definitionRetrieved(tokens) {
  const lines = readFileSync(join(root, file), "utf8").split("\n");
  const found = tokens.filter(({ index, line, retrieved }) =>
    retrieved.some((pair) => {
      const [, name] = lines[pair.line - 1]?.match(/\b(?:class|const|function|interface|type) (\w{7,})/) ?? [];
      return pair.weight > 0.5 && index - pair.index > 512 && name !== undefined && lines[line - 1].includes(name);
    }),
  );
  const gain = ({ nats, natsWithout }) => natsWithout - nats;
  return found.sort((a, b) => gain(b) - gain(a))[0];
}

const { index } = definitionRetrieved(JSON.parse(inspect("--json")).tokens);
const report = join(folder, "report.html");
inspect("--html", report);

const args = ["--no-sandbox", "--disable-gpu"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
for (const colorScheme of ["light", "dark"]) {
  for (const [name, viewport] of [
    ["inspection", { width: 1020, height: 440 }],
    ["inspection-narrow", { width: 390, height: 880 }],
  ]) {
    const page = await browser.newPage({ viewport, colorScheme });
    await page.goto(pathToFileURL(report).href);
    await page.waitForSelector("body[data-ready]");
    await page.evaluate(`location.hash = "#t${index}"`);
    await page.waitForSelector(`#t${index}.shown`);
    await page.keyboard.press("Enter"); // keeps the token, so that the pointer changes nothing
    if (name === "inspection-narrow") {
      await page.evaluate(`panel.scrollTop = panel.querySelector(".losses").offsetTop - 8`);
    }
    await page.screenshot({ path: fileURLToPath(new URL(`${name}-${colorScheme}.png`, import.meta.url)) });
    await page.close();
  }
}
await browser.close();
rmSync(folder, { recursive: true });
console.log(`token ${index} of ${file}`);
