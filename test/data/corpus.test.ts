import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import * as assert from "uvu/assert";
import { documentsFromFiles, documentsInDirectory, textOf, tokenizeDocuments } from "../../src/data/corpus.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("corpus");
const folder = folderFor(test, "corpus");
let count = 0;

/** A new directory with these files, written last to first. */
function directoryOf(files: Record<string, string | Uint8Array>): string {
  const directory = join(folder, `${count++}`);
  fs.mkdirSync(directory);
  for (const [name, content] of Object.entries(files).reverse()) {
    fs.mkdirSync(dirname(join(directory, name)), { recursive: true });
    fs.writeFileSync(join(directory, name), content);
  }
  return directory;
}

function textsIn(directory: string, extensions?: string[]): [name: string, text: string][] {
  return documentsInDirectory(directory, { extensions }).map((document) => [document.name, textOf(document)]);
}

test("every file is a document, by name in the order of code units", () => {
  const directory = directoryOf({ "B.txt": "2", "a.txt": "3", "10": "0", "9": "1", é: "5", z: "4" });
  assert.equal(textsIn(directory), [
    ["10", "0"],
    ["9", "1"],
    ["B.txt", "2"],
    ["a.txt", "3"],
    ["z", "4"],
    ["é", "5"],
  ]);
});

test("a sub-directory is one document: its files at any depth, sorted by path, joined without anything between", () => {
  const directory = directoryOf({
    a: "first",
    "repo/b.c": "2",
    "repo/a/z/q": "1",
    "repo/a-b/x": "0",
    "repo/c": "3",
    z: "last",
  });
  assert.equal(textsIn(directory), [
    ["a", "first"],
    ["repo", "0123"],
    ["z", "last"],
  ]);
});

test("hidden files and directories are not looked at", () => {
  const directory = directoryOf({ ".hidden": "\0", ".git/config": "\0", "repo/.env": "\0", "repo/a": "a" });
  assert.equal(textsIn(directory), [["repo", "a"]]);
});

test("with extensions only files that end so are read, at every depth", () => {
  const directory = directoryOf({ "a.ts": "1", "b.png": "\0", "c/x.md": "2", "c/y.wasm": "\0", "d/z.bin": "\0" });
  assert.equal(textsIn(directory, [".ts", ".md"]), [
    ["a.ts", "1"],
    ["c", "2"],
  ]);
});

test("a directory may be written with a slash at its end", () => {
  assert.equal(
    documentsInDirectory(`${directoryOf({ "r/a": "1" })}/`)[0].files.map((path) => path.includes("//")),
    [false],
  );
});

test("files can be listed one by one, in any order, hidden or not", () => {
  const directory = directoryOf({ a: "1", ".b": "2" });
  const paths = [join(directory, ".b"), join(directory, "a")];
  assert.equal(documentsFromFiles(paths).map(textOf), ["2", "1"]);
  assert.equal(
    documentsFromFiles(paths).map(({ name }) => name),
    paths,
  );
});

test("empty files are documents of no tokens", () => {
  const documents = documentsInDirectory(directoryOf({ a: "", b: "x" }));
  assert.equal(
    tokenizeDocuments(documents, byteTokenizer()).map((document) => document.tokens().length),
    [0, 1],
  );
});

test("tokens are made when they are asked for, and once", () => {
  const directory = directoryOf({ a: "old" });
  const [document] = tokenizeDocuments(documentsInDirectory(directory), byteTokenizer());
  fs.writeFileSync(join(directory, "a"), "new");
  assert.equal(document.tokens(), new Int32Array(new TextEncoder().encode("new")));
  fs.rmSync(join(directory, "a"));
  assert.is(document.tokens(), document.tokens());
});

test("a directory that is missing is refused by name", () => {
  const missing = join(folder, "nowhere");
  assert.match(
    refusal(() => documentsInDirectory(missing)),
    missing,
  );
});

test("a file in place of a directory is refused by name", () => {
  const path = join(directoryOf({ a: "1" }), "a");
  assert.match(
    refusal(() => documentsInDirectory(path)),
    path,
  );
});

test("a directory without documents is refused, saying what was looked for", () => {
  const empty = directoryOf({});
  assert.is(
    refusal(() => documentsInDirectory(empty)),
    `the directory ${empty} holds no file; it must have text files, one a document`,
  );
  const hidden = directoryOf({ ".a": "1", "b/.c": "2" });
  assert.match(
    refusal(() => documentsInDirectory(hidden)),
    /holds no file;/,
  );
  const others = directoryOf({ "a.txt": "1" });
  assert.match(
    refusal(() => documentsInDirectory(others, { extensions: [".ts", ".md"] })),
    /holds no file ending in \.ts, \.md;/,
  );
});

test("a link to a file in the directory is that file, at any depth", () => {
  const directory = directoryOf({ a: "1", "repo/b": "2" });
  fs.symlinkSync("../a", join(directory, "repo", "c"));
  assert.equal(textsIn(directory), [
    ["a", "1"],
    ["repo", "21"],
  ]);
  const other = join(folder, "link-to-directory");
  fs.symlinkSync(directory, other);
  assert.equal(textsIn(other), textsIn(directory), "the directory itself may be named by a link");
});

test("a link that leads out of the directory, to a directory or nowhere is refused by name", () => {
  const secret = join(directoryOf({ secret: "not to be read" }), "secret");
  for (const target of [secret, ".", "..", "nowhere", "link", "/", "/dev/zero", "repo"]) {
    const directory = directoryOf({ a: "1", "repo/b": "2" });
    fs.symlinkSync(target, join(directory, "link"));
    assert.match(
      refusal(() => documentsInDirectory(directory)),
      join(directory, "link"),
    );
  }
});

test("circles of links, however many, are refused at once", () => {
  const directory = directoryOf({ "repo/a": "1" });
  for (let i = 0; i < 9; i++) fs.symlinkSync("..", join(directory, "repo", `circle ${i}`));
  assert.match(
    refusal(() => documentsInDirectory(directory)),
    "is a link, but not to a file in", // who followed them would not come to an end
  );
});

const noPipes = spawnSync("mkfifo", ["--version"]).status === 0 ? "" : "no mkfifo here";

test.unless(noPipes, "a named pipe among the files is refused by name, not waited for", () => {
  const directory = directoryOf({ a: "1" });
  const pipe = join(directory, "pipe");
  spawnSync("mkfifo", [pipe]);
  assert.is(
    refusal(() => documentsInDirectory(directory)),
    `${pipe} is a pipe, a socket or a device; a text file is needed`,
  );
});

test.unless(noPipes, "a pipe that is named itself is opened once, and its text kept", async () => {
  const pipe = join(directoryOf({}), "pipe");
  spawnSync("mkfifo", [pipe]);
  const writer = spawn("sh", ["-c", 'printf "one fish, two fish" > "$0"', pipe]);
  const [document] = documentsFromFiles([pipe]);
  const [{ tokens }] = tokenizeDocuments([document], byteTokenizer());
  assert.is(tokens().length, 18); // a second opening would wait for ever
  assert.is(textOf(document), "one fish, two fish");
  await once(writer, "close");
});

test("one bad file among good ones is refused at once, by name", () => {
  const binary = directoryOf({ a: "good", "repo/image.png": Uint8Array.of(1, 0, 2), z: "good" });
  assert.match(
    refusal(() => documentsInDirectory(binary)),
    join(binary, "repo", "image.png"),
  );
  const latin1 = directoryOf({ a: "good", "z.txt": Uint8Array.of(0x61, 0xe9, 0x61) });
  assert.match(
    refusal(() => documentsInDirectory(latin1)),
    `${join(latin1, "z.txt")} is not UTF-8 at byte offset 1`,
  );
  assert.match(
    refusal(() => documentsFromFiles([join(latin1, "a"), join(latin1, "z.txt")])),
    "byte offset 1",
  );
});
