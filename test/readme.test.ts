/** The examples of the README, and of the one of the kernels, run as printed. */
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as assert from "uvu/assert";
import { suite } from "./harness.ts";

const test = suite("README");

const isCompiled = import.meta.url.includes("/dist/test/");
const root = new URL(isCompiled ? "../../" : "../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const readme = read("README.md");
const sources = new URL("../src/", import.meta.url);

/** The TypeScript examples, their package imports pointing at these sources. */
function examples(): string[] {
  const entry = (name: string) => new URL(`${name}.${isCompiled ? "js" : "ts"}`, sources).href;
  return [...(readme + read("assembly/README.md")).matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) =>
    code
      .replaceAll('"memorizing-transformer/kernels"', JSON.stringify(entry("kernels")))
      .replaceAll('"memorizing-transformer/node"', JSON.stringify(entry("node")))
      .replaceAll('"memorizing-transformer"', JSON.stringify(entry("index"))),
  );
}

/** Runs a module of its own in a temporary directory, which has the models that come along; returns what it printed. */
async function run(code: string): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), "readme-"));
  const printed: string[] = [];
  const log = console.log;
  const before = process.cwd();
  try {
    writeFileSync(join(directory, "example.mjs"), code);
    symlinkSync(fileURLToPath(new URL("models", root)), join(directory, "models"));
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

test("has examples", () => assert.is(examples().length, 3));

test("the browser's page imports what the library exports, from files that a package has", async () => {
  const [, page] = readme.match(/```html\n([\s\S]*?)```/) ?? [];
  assert.ok(page);
  const [, names] = page.match(/import \{ (.*) \} from "memorizing-transformer"/) ?? [];
  const library = await import(new URL(`index.${isCompiled ? "js" : "ts"}`, sources).href);
  for (const name of names.split(", ")) assert.type(library[name], "function", name);
  const [, json] = page.match(/<script type="importmap">([\s\S]*?)<\/script>/) ?? [];
  const { imports } = JSON.parse(json) as { imports: Record<string, string> };
  const own = "/node_modules/memorizing-transformer/";
  for (const path of Object.values(imports)) {
    const file = path.startsWith(own)
      ? path.slice(own.length).replace("dist/src", "src").replace(/js$/, "ts")
      : `.${path}`;
    assert.ok(existsSync(new URL(file, root)), path);
  }
});

for (const [i, code] of examples().entries()) {
  test(`example ${i + 1} runs as printed, and prints`, async () => {
    const printed = await run(code);
    assert.ok(printed.length > 0);
    assert.not.match(printed.join("\n"), /NaN|undefined/);
  });
}
