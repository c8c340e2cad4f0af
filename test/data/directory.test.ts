/** Folders with mixed content: pictures, hidden files, packages, names that are not UTF-8. */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { documentsFromFiles, documentsInDirectory, textOf } from "../../src/data/corpus.ts";
import { isLeftOut, type Selection } from "../../src/data/directory.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("directory");
const folder = folderFor(test, "directory");
let count = 0;

const PICTURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0);

/** A new directory with these files. */
function directoryOf(files: Record<string, string | Uint8Array>): string {
  const directory = join(folder, `${count++}`);
  fs.mkdirSync(directory);
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(dirname(join(directory, name)), { recursive: true });
    fs.writeFileSync(join(directory, name), content);
  }
  return directory;
}

test("binary files are left out and counted where that is asked for, wherever they lie", () => {
  const directory = directoryOf({
    "a.md": "a",
    "logo.png": PICTURE,
    "repo/b.md": "b",
    "repo/logo.png": PICTURE,
    "repo/short.gz": Uint8Array.of(0x1f, 0x8b, 8, 4, 200),
    "pictures/logo.png": PICTURE,
  });
  const left: string[] = [];
  const documents = documentsInDirectory(directory, {
    onBinary: (path) => left.push(path.slice(directory.length + 1)),
  });
  assert.equal(
    documents.map((document) => [document.name, textOf(document)]),
    [
      ["a.md", "a"],
      ["repo", "b"],
    ],
  );
  assert.equal(left, ["logo.png", "pictures/logo.png", "repo/logo.png", "repo/short.gz"]);
});

test("a binary file is refused where nobody counts, and where it is named itself", () => {
  const directory = directoryOf({ "a.md": "a", "logo.png": PICTURE });
  const path = join(directory, "logo.png");
  const sentence = `${path} is a binary file (byte 8 is zero), a text file is needed`;
  assert.is(
    refusal(() => documentsInDirectory(directory)),
    sentence,
  );
  assert.is(
    refusal(() => documentsFromFiles([path])),
    sentence,
  );
});

test("a text in another encoding is not skipped as a binary file, but refused", () => {
  const directory = directoryOf({ "a.md": "a", "latin1.txt": Uint8Array.of(0x47, 0x72, 0xfc, 0x6e) });
  assert.match(
    refusal(() => documentsInDirectory(directory, { onBinary: () => {} })),
    "latin1.txt is not UTF-8 at byte offset 2",
  );
});

test("a directory of binary files only is refused as such", () => {
  const directory = directoryOf({ "logo.png": PICTURE, "pictures/logo.png": PICTURE });
  assert.is(
    refusal(() => documentsInDirectory(directory, { onBinary: () => {} })),
    `the directory ${directory} holds only binary files; it must have text files, one a document`,
  );
});

test("node_modules is left out at every depth, but not when it is the directory itself", () => {
  const directory = directoryOf({ a: "a", "node_modules/x": "x", "repo/b": "b", "repo/node_modules/y": "y" });
  const textsIn = (path: string) => documentsInDirectory(path).map(textOf);
  assert.equal(textsIn(directory), ["a", "b"]);
  assert.equal(textsIn(join(directory, "node_modules")), ["x"]);
});

test("a selection is asked for every file and folder by its path, and may take what is hidden", () => {
  const directory = directoryOf({ a: "a", ".hidden/b": "b", "repo/c": "c", "repo/old/d": "d" });
  const asked: string[] = [];
  const selection: Selection = {
    what: "file",
    chooses(path, isDirectory) {
      asked.push(isDirectory ? `${path}/` : path);
      return path !== "repo/old" && (path === ".hidden" || !isLeftOut(path, isDirectory));
    },
  };
  assert.equal(
    documentsInDirectory(directory, { selection }).map(({ name }) => name),
    [".hidden", "a", "repo"],
  );
  assert.equal(asked, [".hidden/", "a", "repo/", ".hidden/b", "repo/c", "repo/old/"]);
});

const noSuchNames =
  process.versions.deno === undefined && process.platform === "linux" ? "" : "only Node on Linux opens them";

test.unless(noSuchNames, "a name that is not UTF-8 can be opened, and is shown by its bytes", () => {
  const directory = directoryOf({ a: "a" });
  const [file, inner] = ["/Gr\xfcn.txt", "/repo\xff"].map((name) => Buffer.from(directory + name, "latin1"));
  fs.writeFileSync(file, "green");
  fs.mkdirSync(inner);
  fs.writeFileSync(Buffer.concat([inner, Buffer.from("/\xe4\xf6", "latin1")]), "in it");
  fs.symlinkSync("../a", Buffer.concat([inner, Buffer.from("/link")]));
  const documents = documentsInDirectory(directory);
  assert.equal(
    documents.map((document) => [document.name, textOf(document)]),
    [
      ["Gr\\xfcn.txt", "green"],
      ["a", "a"],
      ["repo\\xff", "ain it"],
    ],
  );
  assert.equal(documentsFromFiles(documents[0].files)[0].name, `${directory}/Gr\\xfcn.txt`);
  fs.rmSync(Buffer.concat([inner, Buffer.from("/link")]));
  fs.symlinkSync("nowhere", Buffer.concat([inner, Buffer.from("/link")]));
  assert.is(
    refusal(() => documentsInDirectory(directory)),
    `cannot follow ${directory}/repo\\xff/link: no such file or directory`,
  );
});
