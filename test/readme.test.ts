/** README and the pages in docs: the examples run as printed, the links lead somewhere, the first screen stays short. */
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as assert from "uvu/assert";
import { blocks, guides, markdownIn, read, root } from "./documents.ts";
import { suite } from "./harness.ts";

const test = suite("README");

const isCompiled = import.meta.url.includes("/dist/test/");
const sources = new URL("../src/", import.meta.url);

/** Every document at the top of the repository and in docs, and those of other rooms. */
const documents = [...guides, "ARCHITECTURE.md", "EXPERIMENTS.md", "RELIABILITY.md", "CHANGELOG.md", "ALGORITHM.md"]
  .concat("assembly/README.md", "bench/README.md", markdownIn("models"))
  .filter((path) => existsSync(new URL(path, root)));

/** Targets of the links and pictures of a Markdown text that lie in the repository, without their `#place`. */
function localLinks(text: string): string[] {
  const prose = text.replaceAll(/```[\s\S]*?```/g, "");
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g)].map(
    ([, link, picture]) => link ?? picture,
  );
  return links.filter((link) => !/^(?:https?:|#)/.test(link)).map((link) => link.replace(/#.*/, ""));
}

/** The TypeScript examples for a project, importing these sources in place of the package. */
function examples(): string[] {
  const entry = (name: string) => new URL(`${name}.${isCompiled ? "js" : "ts"}`, sources).href;
  return blocks("ts", ...[...guides, "assembly/README.md"].map(read)).map((code) =>
    code
      .replaceAll('"memorizing-transformer/kernels"', JSON.stringify(entry("kernels")))
      .replaceAll('"memorizing-transformer/node"', JSON.stringify(entry("node")))
      .replaceAll('"memorizing-transformer"', JSON.stringify(entry("index"))),
  );
}

/** Runs a module in a temporary directory that has the bundled models, and returns the lines that it printed. */
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

test("a block of code and a link are found in a small text", () => {
  const text = "# A\n```ts\nlet x = 1;\n```\n[b](b.md#c) [d](https://e.f)\n";
  assert.equal(blocks("ts", text), ["let x = 1;\n"]);
  assert.equal(localLinks(text), ["b.md"]);
});

test("the README has at most 700 words above its licence", () => {
  const [above] = read("README.md").split("## Licence");
  assert.ok(above.split(/\s+/).length <= 700);
});

test("the README's pictures are smaller than 150 kB each", () => {
  const pictures = localLinks(read("README.md")).filter((link) => link.endsWith(".png"));
  assert.is(pictures.length, 4);
  for (const picture of pictures) assert.ok(statSync(new URL(picture, root)).size < 150_000, picture);
});

for (const path of documents) {
  test(`links of ${path} lead to files of the repository`, () => {
    const missing = localLinks(read(path)).filter((link) => !existsSync(new URL(link, new URL(path, root))));
    assert.equal(missing, []);
  });
}

test("there are four examples for a project", () => assert.is(examples().length, 4));

test("the browser's page imports what the library exports, from files that a package has", async () => {
  const [page] = blocks("html", ...guides.map(read));
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
