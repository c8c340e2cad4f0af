/** Every file that a comment or a document of this repository names exists. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { suite } from "./harness.ts";

const test = suite("named files");

const isCompiled = import.meta.url.includes("/dist/");
const root = fileURLToPath(new URL(isCompiled ? "../../" : "../", import.meta.url));

/** Where our own files are; `experiments` holds reports, which quote other people's texts. */
const FOLDERS = ["src", "assembly", "bench", "test", "models", "docs", "reference", "experiments", "page"];
/** Names that stand for files of a user, of another project or of a build. */
const OTHERS = new Set([
  ...["NOTES.md", "MORE.md", "notes.md", "a.ts", "b.ts", "src/a.ts", "./x.ts"],
  ...["kernels.generated.ts", "plain.generated.ts", "relaxed.generated.ts", "runs/gates/gates/table.md"],
  ...["huggingface/tokenizers/dist/tokenizers.mjs", "bench/results/page.md"],
]);

function filesBelow(folder: string): string[] {
  if (!existsSync(root + folder)) return [];
  const names = readdirSync(root + folder, { recursive: true, encoding: "utf8" });
  const paths = names.map((name) => `${folder}/${name.replaceAll("\\", "/")}`);
  return paths.filter((path) => !path.includes("/node_modules/")); // of the tools in test/bundlers
}

const top = readdirSync(root).filter((name) => /\.\w+$/.test(name));
const ours = [...top, ...FOLDERS.flatMap(filesBelow), ".ci/run"];
const documents = ours.filter((path) => path.endsWith(".md") && !path.startsWith("experiments/"));
const sources = ours.filter(
  (path) => /^(src|assembly|bench|reference|page)\/.*\.ts$/.test(path) && !path.includes(".generated."),
);

/** File names in a text: a path or a bare name that ends in .ts, .mjs, .py or .md, or a Markdown link. */
function namesIn(text: string): string[] {
  return [...text.matchAll(/(?<![\w./*<-])(?:[\w.-]+\/)*[\w-]+(?:\.[\w-]+)*\.(?:ts|mjs|py|md)(?![\w/])/g)].map(
    ([name]) => name,
  );
}

function commentsOf(source: string): string {
  const comments = source.matchAll(/\/\*\*?[\s\S]*?\*\/|(?<![:"'`\w])\/\/[^\n]*/g);
  return [...comments].map(([comment]) => comment).join("\n");
}

/** Whether `name` is the end of the path of one of our files. */
function exists(name: string): boolean {
  const path = name.replace(/^(\.\.?\/)+/, "");
  return ours.some((file) => file === path || file.endsWith(`/${path}`));
}

function unknown(path: string, text: string): string[] {
  const missing = namesIn(text).filter(
    (name) => !OTHERS.has(name) && !name.startsWith("node_modules/") && !exists(name),
  );
  return missing.map((name) => `${path} names ${name}`);
}

test("a small example, written out: of two names one is found missing", () => {
  assert.equal(namesIn("see ring.ts, `docs/no-such.md` and https://example.org/a.md"), ["ring.ts", "docs/no-such.md"]);
  assert.equal(unknown("here", "see ring.ts and docs/no-such.md"), ["here names docs/no-such.md"]);
});

test("documents name files that exist", () => {
  assert.ok(documents.length > 5);
  assert.equal(
    documents.flatMap((path) => unknown(path, readFileSync(root + path, "utf8"))),
    [],
  );
});

test("comments name files that exist", () => {
  assert.ok(sources.length > 200);
  assert.equal(
    sources.flatMap((path) => unknown(path, commentsOf(readFileSync(root + path, "utf8")))),
    [],
  );
});
