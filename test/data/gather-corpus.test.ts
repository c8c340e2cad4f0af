import * as fs from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { type CorpusSizes, gatherCorpus } from "../../src/data/gather-corpus.ts";
import { namesTexts } from "../../src/data/invented-names.ts";
import { memorizing } from "../cli/child.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("gathered corpus");

const folder = folderFor(test, "gather");
const at = (name: string) => join(folder, name);

const kind = { endings: [".py"], skipped: ["test"], depth: 1 };
const lengths = { least: 100, heldOut: 300, most: 700 };

/** A file of `characters` characters in lines of ten. */
function write(root: string, path: string, characters: number): void {
  fs.mkdirSync(dirname(at(`${root}/${path}`)), { recursive: true });
  const line = `${path.slice(0, 9).padEnd(9, ".")}\n`;
  fs.writeFileSync(at(`${root}/${path}`), line.repeat(Math.ceil(characters / 10)).slice(0, characters));
}

function documentsIn(directory: string): Record<string, number> {
  const files = ["train", "valid", "test"].flatMap((split) => {
    return fs.readdirSync(join(directory, split)).map((name) => join(directory, split, name));
  });
  return Object.fromEntries(files.map((path) => [path.slice(directory.length + 1), fs.statSync(path).size]));
}

function gather(root: string, out: string): CorpusSizes {
  return gatherCorpus(at(root), at(out), kind, lengths);
}

test("a small example, written out: one document of five is for validation, one for the test", () => {
  for (const name of ["a", "b", "c", "d", "e"]) write("five", `${name}.py`, 400);
  write("five", "tiny.py", 99); // less than 100 characters
  write("five", "notes.txt", 150); // not Python
  const sizes = gather("five", "five-corpus");
  const documents = Object.values(sizes).map(({ documents }) => documents);
  assert.equal(documents, [3, 1, 1]);
});

test("names are written, a document a file, and never into a directory that is there", () => {
  const out = at("names");
  const { code, stdout } = memorizing("corpus", "names", "--out", out, "--documents", "2", "--seed", "5");
  assert.is(code, 0);
  assert.match(stdout, /names: 2 documents, 180,\d{3} characters/);
  const [first, second] = fs.readdirSync(out).map((name) => fs.readFileSync(join(out, name), "utf8"));
  assert.equal([first, second], [...namesTexts(2, 5)]);
  const again = memorizing("corpus", "names", "--out", out);
  assert.equal([again.code, again.stderr], [1, `${out} is there already; give another --out\n`]);
});

const linuxNode = process.versions.deno === undefined && process.platform === "linux";
const noBytes = linuxNode ? "" : "only Node on Linux opens names that are not UTF-8";

test.unless(noBytes, "names that differ in bytes that are not UTF-8 name different documents", () => {
  for (const byte of ["\xe4", "\xf6", "\xfc", "\xdf"]) {
    write("old", "x.py", 400);
    fs.renameSync(at("old/x.py"), Buffer.from(at(`old/${byte}.py`), "latin1"));
  }
  gather("old", "old-corpus");
  const names = Object.keys(documentsIn(at("old-corpus"))).map((path) => path.split("/")[1]);
  assert.equal(names.sort(), ["\\xdf.py", "\\xe4.py", "\\xf6.py", "\\xfc.py"]);
});

test("folders and large files become documents, parted where too long, and left out where too short", () => {
  write("library", "email/a.py", 90);
  write("library", "email/deep/b.py", 160);
  write("library", "email.py", 20);
  write("library", "email/readme.txt", 500);
  write("library", "test/c.py", 500);
  write("library", "middle.py", 150);
  write("library", "tiny.py", 99);
  for (const name of ["x", "y", "z"]) write("library", `${name}.py`, 400);
  for (let i = 0; i < 9; i++) write("library", `large${i}.py`, 1580);
  const sizes = gather("library", "out");
  const documents = documentsIn(at("out"));
  const short = ["train/email.py", "train/middle.py"];
  assert.equal(
    Object.keys(documents).filter((path) => !/large|[xyz]\.py/.test(path)),
    short,
  );
  assert.equal(
    short.map((path) => documents[path]),
    [270, 150],
  );
  assert.equal(
    Object.values(sizes).map(({ documents }) => documents),
    ["train", "valid", "test"].map((split) => fs.readdirSync(at(`out/${split}`)).length),
  );
  assert.equal([sizes.valid.documents, sizes.test.documents], [2, 2]); // a fifth of 12
  const total = Object.values(sizes).reduce((sum, { characters }) => sum + characters, 0);
  assert.is(
    total,
    Object.values(documents).reduce((sum, size) => sum + size, 0),
  );
});

test("only long documents are held out, names alone decide which, and nothing else of the same source is learned from", () => {
  gather("library", "again");
  const documents = documentsIn(at("again"));
  assert.equal(documents, documentsIn(at("out")));
  const sourceOf = (path: string) => path.split("/")[1].replace(/(-\d+)?\.py$/, "");
  const [train, held] = [true, false].map((wanted) => {
    return Object.keys(documents).filter((path) => path.startsWith("train") === wanted);
  });
  assert.is(new Set(held.map(sourceOf)).size, held.length, "one document a source");
  assert.ok(
    held.some((path) => path.includes("-01")),
    "a part of a long one is among them",
  );
  for (const path of held) {
    assert.ok(documents[path] >= lengths.heldOut, path);
    assert.not.ok(train.map(sourceOf).includes(sourceOf(path)), path);
  }
  for (const source of new Set(train.map(sourceOf))) {
    const sizes = train.filter((path) => sourceOf(path) === source).map((path) => documents[path]);
    if (source.startsWith("large")) assert.equal(sizes, [700, 700, 180]);
  }
});

test("too few documents are refused, saying how many there are", () => {
  write("small", "one.py", 400);
  write("small", "two.py", 120);
  assert.match(
    refusal(() => gather("small", "nothing")),
    `${at("small")} has 2 documents of at least 100 characters`,
  );
  assert.not.ok(fs.existsSync(at("nothing")));
});

test("the command tells what it made, as a table or as JSON, and does not write over a corpus", () => {
  for (const name of ["a", "b", "c", "d", "e"]) write("sources", `${name}.py`, 70_000);
  const gathered = (out: string, ...more: string[]) =>
    memorizing("corpus", "code", "--from", at("sources"), "--out", at(out), ...more);
  assert.match(gathered("made").stdout, /documents +characters\n.*made\/train +3 +210,000\n.*\/valid +1 +70,000\n/);
  const { from, ...sizes } = JSON.parse(gathered("made-again", "--json").stdout);
  assert.is(from, at("sources"));
  assert.equal(sizes.test, { documents: 1, characters: 70_000 });
  const { code, stderr } = gathered("made");
  assert.is(code, 1);
  assert.match(stderr, `${at("made")} is there already; give another --out`);
});
