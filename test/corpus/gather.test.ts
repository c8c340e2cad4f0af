import { readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as assert from "uvu/assert";
import { suite } from "../harness.ts";
import { codeOf, madeUpTree } from "./made-up-tree.ts";

const test = suite("corpus of the models");
const tree = madeUpTree();

test.after(() => tree.remove());

const documents = (split: string, out = "out") => readdirSync(join(tree.folder, out, split)).sort();

test("a package is one document, its files in order under comments with their paths", () => {
  tree.write("one/src/part10/z.js", codeOf("ten", 9));
  tree.write("one/src/part2/a.js", codeOf("two", 9).replaceAll("\n", "\r\n"));
  tree.write("one/src/packed.js.gz", gzipSync(codeOf("packed", 9)));
  tree.write("one/src/readme.txt", codeOf("readme", 9));
  tree.write("one/other/b.js", codeOf("other", 9));
  const source = `{ kind: "code", folders: ["src"], endings: [".js"] }`;
  const { code, stderr } = tree.gather(`local("one", ${source})`);
  assert.equal([code, stderr], [0, ""]);
  assert.equal(documents("train"), ["code-one.txt"]);
  const parts = ["packed.js", "part2/a.js", "part10/z.js"].map((path, i) => {
    return `// ${path}\n${codeOf(["packed", "two", "ten"][i], 9)}\n`;
  });
  assert.is(tree.read("out/train/code-one.txt"), parts.join(""));
});

test("what nobody wrote, what cannot be read and what may not be learned from is left out, and counted", () => {
  tree.write("two/good.js", codeOf("good", 9));
  tree.write("two/binary.js", Uint8Array.from([0xff, 0xfe, 0, 1]));
  tree.write("two/short.js", "f();\n");
  tree.write("two/free.js", `// This is free software under the GNU General Public License\n${codeOf("free", 9)}`);
  tree.write("two/made.js", `// Automatically generated, do not edit\n${codeOf("made", 9)}`);
  tree.write("two/small.js", `f(${"x,".repeat(400)}0);\n`);
  tree.write("two/numbers.js", `const t = [\n${"  12345, 67890,\n".repeat(99)}];\n`);
  tree.write("two/tests/test.js", codeOf("test", 9));
  const { stdout } = tree.gather(`local("two", { kind: "code", endings: [".js"] })`, "out2");
  assert.is(tree.read("out2/train/code-two.txt"), `// good.js\n${codeOf("good", 9)}\n`);
  for (const reason of ["not UTF-8", "short", "copyleft", "generated", "minified", "table"]) {
    assert.match(stdout, `1 ${reason}`);
  }
});

test("LaTeX and prose are kept if they are English", () => {
  tree.write("tex/en.tex", `\\section{A}\n${"This is the proof of the lemma that is used in the text.\n".repeat(5)}`);
  tree.write(
    "tex/de.tex",
    `\\section{B}\n${"Dies ist der Beweis des Lemmas, das im Text verwendet wird.\n".repeat(5)}`,
  );
  const { stdout } = tree.gather(`local("tex", { kind: "latex", endings: [".tex"] })`, "out-tex");
  assert.match(stdout, "1 not English");
  assert.match(tree.read("out-tex/train/latex-tex.txt"), /^% en\.tex\n\\section\{A\}/);
});

test("what stands in a held-out text, or in another package, is not learned from", () => {
  tree.write("held/a.js", codeOf("held", 20));
  tree.write("learned/copy.js", `${codeOf("held", 20)}${codeOf("added", 15)}`);
  tree.write("learned/twin.js", codeOf("twin", 20));
  tree.write("learned/own.js", `${codeOf("own", 20)}${codeOf("held", 15)}`);
  tree.write("later/twin.js", codeOf("twin", 20));
  tree.write("later/own.js", codeOf("later", 20));
  const lists = ["learned", "later"].map((name) => `local("${name}", { kind: "code", endings: [".js"] })`);
  const held = `local("held", { kind: "code", endings: [".js"], split: "test" })`;
  assert.is(tree.gather(`${lists.join(", ")}, ${held}`, "out3").code, 0);
  assert.is(tree.read("out3/test/code-held.txt"), `// a.js\n${codeOf("held", 20)}\n`);
  const learned = tree.read("out3/train/code-learned.txt");
  assert.equal(learned.match(/^\/\/ .*$/gm), ["// own.js", "// twin.js"]);
  assert.equal(tree.read("out3/train/code-later.txt").match(/^\/\/ .*$/gm), ["// own.js"]);
});

test("of a large package whole folders are taken, the same every time, up to its share", () => {
  for (let i = 0; i < 12; i++) {
    for (const file of ["a", "b"]) tree.write(`large/folder${i}/${file}.js`, codeOf(`folder${i}${file}`, 300));
  }
  const source = `local("large", { kind: "code", endings: [".js"], most: 100_000 })`;
  const texts = ["out4", "out5"].map((out) => {
    assert.is(tree.gather(source, out).code, 0);
    return tree.read(`${out}/train/code-large.txt`);
  });
  assert.is(texts[0], texts[1]);
  assert.ok(texts[0].length > 80_000 && texts[0].length < 101_000, `${texts[0].length} characters`);
  const folders = texts[0].match(/(?<=^\/\/ folder)\d+/gm)!.map(Number);
  assert.equal(
    folders,
    folders.toSorted((a, b) => a - b),
  );
  const alone = folders.filter((folder) => folders.filter((other) => other === folder).length === 1);
  assert.ok(alone.length <= 1, `${alone} were cut`);
});

test("the pieces make up the documents, and the manifest names every one with its bytes", () => {
  tree.write("pieces/a.js", codeOf("piece", 4_000));
  tree.write("pieces/b.js", codeOf("ä", 200));
  assert.is(tree.gather(`local("pieces", { kind: "code", endings: [".js"], as: "p" })`, "out6").code, 0);
  const whole = tree.read("out6/train/code-p.txt");
  const pieces = documents("pieces", "out6").map((name) => tree.read(`out6/pieces/${name}`));
  assert.is(pieces.join(""), whole);
  assert.ok(pieces.length > 1 && pieces.every((piece) => piece.length <= 91_000 && piece.endsWith("\n")));
  const [row, ...more] = JSON.parse(tree.read("out6/manifest.json"));
  assert.equal(more, []);
  const bytes = Buffer.byteLength(whole);
  const source = { registry: "local", name: "pieces", version: "1", licence: "MIT" };
  assert.equal(row, { split: "train", kind: "code", ...source, document: "code-p.txt", bytes });
  assert.match(tree.read("out6/SOURCES.md"), `| pieces | 1 | MIT | ${Math.round(bytes / 1000)} |`);
});

test("every file is a document where the source says so", () => {
  const story = "It is the story of the two, and that is all of it.\n".repeat(10_000);
  tree.write("novels/first.txt", story);
  tree.write("novels/second.txt", "This is another story, and it is for the children in the house.\n".repeat(20));
  const source = `local("novels", { kind: "prose", endings: [".txt"], each: true, most: 400_000, split: "test" })`;
  assert.is(tree.gather(source, "out7").code, 0);
  assert.equal(documents("test", "out7"), ["prose-first.txt", "prose-second.txt"]);
  const lines = Math.floor(400_000 / 51);
  assert.is(tree.read("out7/test/prose-first.txt"), story.slice(0, 51 * lines));
});
