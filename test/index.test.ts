import { readFileSync } from "node:fs";
import { extname } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "./harness.ts";

const test = suite("public API");

const extension = extname(new URL(import.meta.url).pathname); // .ts under Deno, .js compiled
const source = (name: string) => new URL(`../src/${name}${extension}`, import.meta.url);

/** Returns the specifiers that a source imports and re-exports, without types, which do not exist at run time. */
function importsOf(source: string): string[] {
  const statements = source
    .replaceAll(/^(import|export) type [^;]*;/gm, "")
    .matchAll(/^(?:import|export)\b[^;]*?\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm);
  return [...statements].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic);
}

/** Returns every specifier that `entry` reaches, each with a file that has it. */
function reachedFrom(entry: URL): Map<string, string> {
  const reached = new Map<string, string>();
  const queue = [entry];
  const seen = new Set<string>();
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file.href)) continue;
    seen.add(file.href);
    for (const specifier of importsOf(readFileSync(file, "utf8"))) {
      if (specifier.startsWith(".")) queue.push(new URL(specifier, file));
      else reached.set(specifier, file.pathname);
    }
  }
  assert.ok(seen.size > 1, "the walk must find more than its first file");
  return reached;
}

test("a small example, written out: three imports, of which one is of types only", () => {
  const lines = ['import { a } from "./a.ts";', 'import type { B } from "./b.ts";', 'export { c } from "./c.ts";'];
  assert.equal(importsOf(lines.join("\n")), ["./a.ts", "./c.ts"]);
});

test("nothing that the browser entry reaches comes from Node", () => {
  const packages = reachedFrom(source("index"));
  assert.equal([...packages.keys()].sort(), ["@assemblyscript/loader", "@huggingface/tokenizers"]);
});

test("the walk finds the imports from Node in the entry for Node", () => {
  assert.ok(reachedFrom(source("node")).has("node:fs"));
});

test("the entry for Node has everything of the browser entry, and files", async () => {
  const browser = await import("../src/index.ts");
  const node = await import("../src/node.ts");
  assert.equal(
    Object.keys(browser).filter((name) => !(name in node)),
    [],
  );
  assert.type(node.loadModel, "function");
  assert.type(node.documentsInDirectory, "function");
});
