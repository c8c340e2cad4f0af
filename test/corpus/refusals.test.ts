/** What the corpus scripts refuse, and the list of sources itself. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as assert from "uvu/assert";
import { suite } from "../harness.ts";
import { codeOf, madeUpTree } from "./made-up-tree.ts";
import { importScript, runScript } from "./scripts.ts";

interface Source {
  readonly registry: string;
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly kind: string;
  readonly split?: string;
}

const test = suite("sources of the models");
const tree = madeUpTree();

test.after(() => tree.remove());

test("a mistake is told in one sentence", () => {
  tree.write("one/a.js", codeOf("a", 9));
  const source = (options = "") => `local("one", { kind: "code", endings: [".js"], ${options} })`;
  const told = (sources: string, out: string) => {
    const { code, stderr } = tree.gather(sources, out);
    assert.is(code, 1);
    return stderr;
  };
  assert.match(told(source(`folders: ["src"]`), "a"), /corpora\/one has no folder src\n$/);
  assert.match(told(source(`endings: [".py"]`), "b"), /^one has no text in .*one: no file left out\n$/);
  const twice = `${source()}, local("one", { kind: "code", endings: [".js"], split: "test" }), ${source()}`;
  assert.match(told(twice, "c"), /^one has no text in .*one: files left out: 1 seen before\n$/);
  tree.write("two/b.js", codeOf("b", 9));
  const same = `${source()}, local("two", { kind: "code", endings: [".js"], as: "one" })`;
  assert.match(told(same, "d"), /^two sources make a document code-one; give one of them another name with `as`\n$/);
  mkdirSync(join(tree.folder, "there"));
  assert.match(told(source(), "there"), /there is there already; give another --out\n$/);
  assert.is(runScript("corpus/gather.mjs", ["--out", "x"]).stderr, "--corpora DIR is needed\n");
});

test("within TeX Live only packages with permissive licences count", async () => {
  const licences = [
    "Licenses for source package",
    "good: lppl1.3c cc-by-4",
    "texmf-dist/doc/latex/good/*",
    "texmf-dist/doc/generic/better/*",
    "texmf-dist/tex/latex/bad/*",
    "bad: lppl gpl2",
    "texmf-dist/doc/latex/bad/*",
    "unknown: ",
    "texmf-dist/doc/latex/unknown/*",
  ];
  tree.write("tex/usr/share/doc/tex/Licenses.gz", gzipSync(licences.join("\n")));
  const { permissiveWithin } = await importScript<{
    permissiveWithin(root: string, name: string): (path: string) => boolean;
  }>("corpus/texlive.mjs");
  const isPermissive = permissiveWithin(join(tree.folder, "corpora/tex"), "tex");
  const folders = ["latex/good", "generic/better", "latex/bad", "latex/unknown", "latex/missing"];
  assert.equal(
    folders.map((folder) => isPermissive(`usr/share/doc/texlive-doc/${folder}/a.tex`)),
    [true, true, false, false, false],
  );
});

test("every source has a licence and a version, and no copyleft one is learned from", async () => {
  const { SOURCES } = await importScript<{ SOURCES: Source[] }>("corpus/sources.mjs");
  for (const { registry, name, version, licence, split } of SOURCES) {
    assert.ok(licence.length > 0, name);
    if (registry !== "local") assert.match(version, /^\d/, name);
    if (split === undefined) assert.not.match(licence, /GPL|GFDL|MPL|CECILL-C|-SA/, name);
  }
});

test("twenty documents are for the test, four are long, and only libraries of theories and TeX Live are on two sides", async () => {
  const { SOURCES } = await importScript<{ SOURCES: Source[] }>("corpus/sources.mjs");
  const namesIn = (...splits: (string | undefined)[]) => {
    return new Set(SOURCES.filter(({ split }) => splits.includes(split)).map(({ name }) => name));
  };
  assert.is(SOURCES.filter(({ split }) => split === "long").length, 4);
  const learned = namesIn(undefined);
  assert.equal([...namesIn("test", "long", "valid")].filter((name) => learned.has(name)).sort(), [
    "agda-stdlib",
    "books/train",
    "hol-light",
    "metamath-databases",
    "texlive-lang-english",
    "texlive-science-doc",
  ]);
});
