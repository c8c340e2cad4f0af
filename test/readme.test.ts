/** The README's library examples run as printed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as assert from "uvu/assert";
import { suite } from "./harness.ts";

const test = suite("README");

const isCompiled = import.meta.url.includes("/dist/test/");
const readme = readFileSync(new URL(isCompiled ? "../../README.md" : "../README.md", import.meta.url), "utf8");
const sources = new URL("../src/", import.meta.url);

/** The TypeScript examples, their package imports pointing at these sources. */
function examples(): string[] {
  const entry = (name: string) => new URL(`${name}.${isCompiled ? "js" : "ts"}`, sources).href;
  return [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) =>
    code
      .replaceAll('"memorizing-transformer/node"', JSON.stringify(entry("node")))
      .replaceAll('"memorizing-transformer"', JSON.stringify(entry("index"))),
  );
}

/** Runs a module of its own in a temporary directory; returns what it printed. */
async function run(code: string): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), "readme-"));
  const printed: string[] = [];
  const log = console.log;
  const before = process.cwd();
  try {
    writeFileSync(join(directory, "example.mjs"), code);
    process.chdir(directory);
    console.log = (...values: unknown[]) => printed.push(values.map(String).join(" "));
    await import(pathToFileURL(join(directory, "example.mjs")).href);
  } finally {
    console.log = log;
    process.chdir(before);
    rmSync(directory, { recursive: true, force: true });
  }
  return printed;
}

test("has examples", () => assert.ok(examples().length >= 1));

for (const [i, code] of examples().entries()) {
  test(`example ${i + 1} runs as printed, and prints`, async () => {
    const printed = await run(code);
    assert.ok(printed.length > 0);
    assert.not.match(printed.join("\n"), /NaN|undefined/);
  });
}
