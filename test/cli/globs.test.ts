import * as assert from "uvu/assert";
import { globSelection } from "../../src/cli/globs.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("globs");

const FILES = [
  "README.md",
  "src/a.ts",
  "src/deep/b.ts",
  "src/deep/notes.md",
  "docs/README.md",
  ".github/ci.yml",
  ".github/.secret/key",
  ".env",
  "node_modules/x/index.ts",
  "src/node_modules/y.ts",
];

/** The files that are reached and chosen, as a walk through their folders finds them. */
function chosen(include: string[], exclude: string[] = []): string[] {
  const selection = globSelection(include, exclude);
  return FILES.filter((file) => {
    const parts = file.split("/");
    return parts.every((_, i) => selection.chooses(parts.slice(0, i + 1).join("/"), i < parts.length - 1));
  });
}

const VISIBLE = FILES.slice(0, 5);

test("without patterns everything visible is chosen", () => {
  assert.equal(chosen([]), VISIBLE);
  assert.equal(chosen(["**"]), VISIBLE);
  assert.equal(chosen(["*"]), VISIBLE);
});

test("a pattern without a slash is compared with names at any depth", () => {
  assert.equal(chosen(["*.md"]), ["README.md", "src/deep/notes.md", "docs/README.md"]);
  assert.equal(chosen(["README.md"]), ["README.md", "docs/README.md"]);
  assert.equal(chosen(["*.{ts,yml}"]), ["src/a.ts", "src/deep/b.ts"]);
});

test("a pattern with a slash is compared with paths from the directory on", () => {
  assert.equal(chosen(["src/*.ts"]), ["src/a.ts"]);
  assert.equal(chosen(["./src/**/*.md"]), ["src/deep/notes.md"]);
  assert.equal(chosen(["deep/*"]), []);
});

test("a folder stands for all that is in it", () => {
  const inSrc = ["src/a.ts", "src/deep/b.ts", "src/deep/notes.md"];
  for (const pattern of ["src", "src/", "./src/", "src/**"]) assert.equal(chosen([pattern]), inSrc, pattern);
  for (const pattern of ["src", "src/"]) assert.equal(chosen([], [pattern]), ["README.md", "docs/README.md"], pattern);
});

test("excluded files stay out, even if another pattern includes them", () => {
  assert.equal(chosen(["*.md"], ["docs"]), ["README.md", "src/deep/notes.md"]);
  assert.equal(chosen(["src"], ["*.md", "src/a.*"]), ["src/deep/b.ts"]);
  assert.equal(chosen([".github/**", ".env"], [".*"]), []);
});

test("hidden files and node_modules are chosen only where a pattern names them", () => {
  assert.equal(chosen([".github/**"]), [".github/ci.yml"]);
  assert.equal(chosen([".env", "*.md"]), [".env", "README.md", "src/deep/notes.md", "docs/README.md"].sort(byPlace));
  assert.equal(chosen(["node_modules/x/**"]), ["node_modules/x/index.ts"]);
  assert.equal(chosen(["**/node_modules/**"]), ["node_modules/x/index.ts", "src/node_modules/y.ts"]);
});

function byPlace(a: string, b: string): number {
  return FILES.indexOf(a) - FILES.indexOf(b);
}

test("a pattern that cannot be is refused", () => {
  assert.is(
    refusal(() => globSelection([""], [])),
    '--include "" is not a pattern; write one as in "*.md" or "src/**"',
  );
  assert.match(
    refusal(() => globSelection([], ["x".repeat(70_000)])),
    '--exclude "xxx',
  );
});
