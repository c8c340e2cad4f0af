/** Files that are replaced all at once, or not at all. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import {
  appendText,
  requireWritable,
  writeFileAtomic,
  writeFilesAtomic,
  writeNewFile,
} from "../../src/platform/atomic-write.ts";
import { listDirectory } from "../../src/platform/files.ts";
import { readFile, readText } from "../../src/platform/read-file.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("atomic write");
let folder = "";

test.before(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "atomic-write-"));
});
test.after(() => fs.rmSync(folder, { recursive: true }));

test("a small example, written out: the new content replaces the old, and nothing else is left", () => {
  const directory = fs.mkdtempSync(join(folder, "example-"));
  writeFileAtomic(join(directory, "a.txt"), "old");
  writeFileAtomic(join(directory, "a.txt"), "new");
  assert.equal(fs.readdirSync(directory), ["a.txt"]);
  assert.is(fs.readFileSync(join(directory, "a.txt"), "utf8"), "new");
});

test("bytes written are the bytes read, at every small size and beyond a buffer", () => {
  for (const size of [0, 1, 15, 16, 17, 65537, 1_000_003]) {
    const path = join(folder, `bytes-${size}`);
    const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 7) ^ (i >> 8));
    writeFileAtomic(path, bytes);
    const back = readFile(path);
    assert.is(back.constructor, Uint8Array);
    assert.equal(back, bytes);
  }
});

test("a part of a larger buffer is written, not the whole", () => {
  const path = join(folder, "part");
  writeFileAtomic(path, Uint8Array.of(1, 2, 3, 4).subarray(1, 3));
  assert.equal(readFile(path), Uint8Array.of(2, 3));
});

test("text comes back as it was, beyond ASCII too", () => {
  const path = join(folder, "text");
  writeFileAtomic(path, "naïve 日本 🙂\r\n\0");
  assert.is(readText(path), "naïve 日本 🙂\r\n\0");
});

test("writing makes missing directories, replaces what was there and leaves nothing next to it", () => {
  const path = join(folder, "new", "deep", "file");
  writeFileAtomic(path, "a longer first version");
  writeFileAtomic(path, "second");
  assert.is(readText(path), "second");
  assert.equal(listDirectory(join(folder, "new", "deep")), [{ name: "file", kind: "file" }]);
});

test("a reader that has the old file open keeps reading the old content", () => {
  const path = join(folder, "open");
  writeFileAtomic(path, "old");
  const reader = fs.openSync(path, "r");
  writeFileAtomic(path, "new");
  assert.is(fs.readFileSync(reader, "utf8"), "old");
  fs.closeSync(reader);
});

test("a write that fails leaves neither a temporary file nor a change", () => {
  const path = join(folder, "taken");
  fs.mkdirSync(join(path, "inside"), { recursive: true });
  assert.is(
    refusal(() => writeFileAtomic(path, "x")),
    `cannot write ${path}: it is a directory, a file is needed`,
  );
  assert.not.ok(listDirectory(folder).some(({ name }) => name.includes(".tmp-")));
  assert.equal(listDirectory(path), [{ name: "inside", kind: "directory" }]);
});

test("a group of files stays unchanged when one of them cannot be written", () => {
  const [first, second] = [join(folder, "pair", "first"), join(folder, "pair", "second")];
  writeFilesAtomic(
    new Map([
      [first, "1"],
      [second, "2"],
    ]),
  );
  assert.equal(
    [first, second].map((path) => readText(path)),
    ["1", "2"],
  );
  const long = join(folder, "pair", "x".repeat(300));
  const files = new Map([
    [first, "new"],
    [long, "new"],
  ]);
  assert.is(
    refusal(() => writeFilesAtomic(files)),
    `cannot write ${long}: its name is too long`,
  );
  assert.is(readText(first), "1");
  assert.is(listDirectory(join(folder, "pair")).length, 2);
});

test("text is appended to a file, which is made with its directory when it is missing", () => {
  const path = join(folder, "log", "metrics.jsonl");
  appendText(path, "1\n");
  appendText(path, "");
  appendText(path, "ä\n");
  assert.is(readText(path), "1\nä\n");
});

test("mistakes of the program are not blamed on the user", () => {
  assert.throws(
    () => writeFileAtomic(join(folder, "bug"), null as unknown as string),
    (error: unknown) => error instanceof TypeError,
  );
});

test("a refusal of the system becomes one sentence that names the path given", () => {
  const file = join(folder, "plain-file");
  fs.writeFileSync(file, "");
  const below = join(file, "below");
  const isFile = "a part of the path is a file, a directory is needed";
  for (const write of [writeFileAtomic, appendText]) {
    assert.is(
      refusal(() => write(below, "x")),
      `cannot write ${below}: ${isFile}`,
    );
    assert.match(
      refusal(() => write(folder, "x")),
      `cannot write ${folder}: it is a directory, a file is needed`,
    );
  }
  assert.is(
    refusal(() => writeFileAtomic("", "x")),
    "cannot write a file whose name is empty",
  );
  for (const path of [`${folder}/`, `${folder}/new/`, `${folder}/new/..`, "."]) {
    assert.is(
      refusal(() => writeFileAtomic(path, "x")),
      `cannot write ${path}: it names a directory, a file is needed`,
    );
  }
});

test.unless(fs.existsSync("/dev/full") ? "" : "no /dev/full here", "a full disk is called a full disk", () => {
  for (const write of [writeFileAtomic, appendText]) {
    assert.is(
      refusal(() => write("/dev/full", "x")),
      "cannot write /dev/full: the disk is full",
    );
  }
});

test("a link under the name that older versions gave to unfinished files leads nobody astray", () => {
  const [path, victim] = [join(folder, "guessed"), join(folder, "victim")];
  fs.writeFileSync(victim, "precious");
  fs.symlinkSync("victim", `${path}.tmp-${process.pid}`);
  writeFileAtomic(path, "new");
  assert.equal([readText(path), readText(victim)], ["new", "precious"]);
  assert.not.ok(fs.lstatSync(path).isSymbolicLink());
});

test("a new file appears with its content, and one that is there stays", () => {
  const path = join(folder, "only-once");
  assert.ok(writeNewFile(path, "first"));
  assert.not.ok(writeNewFile(path, "second"));
  assert.is(readText(path), "first");
  assert.not.ok(fs.readdirSync(folder).some((name) => name.startsWith("only-once.")));
});

test("whether a file can be written is tried without a trace, where it is and where it could be", () => {
  const root = join(folder, "trial");
  fs.mkdirSync(root);
  fs.writeFileSync(join(root, ".trial"), "mine");
  fs.writeFileSync(join(root, "there"), "old");
  for (const name of ["there", "new", "not/yet/there"]) requireWritable(join(root, name));
  assert.equal(fs.readdirSync(root), [".trial", "there"]);
  assert.equal(
    [".trial", "there"].map((name) => readText(join(root, name))),
    ["mine", "old"],
  );
  const below = join(root, "there/below");
  assert.is(
    refusal(() => requireWritable(below)),
    `cannot write ${below}: a part of the path is a file, a directory is needed`,
  );
});

const readOnly = () => join(folder, "read-only");
const mounted = (...options: string[]) =>
  spawnSync("mount", ["-t", "tmpfs", ...options, "tmpfs", readOnly()]).status === 0;

test("on a read-only file system that is the reason, and the path the one that was given", () => {
  fs.mkdirSync(readOnly());
  if (!mounted("-o", "ro")) return; // only root may
  try {
    for (const path of [join(readOnly(), "file"), join(readOnly(), "deep/er/file")]) {
      for (const refuse of [requireWritable, (at: string) => writeFileAtomic(at, "x")]) {
        assert.is(
          refusal(() => refuse(path)),
          `cannot write ${path}: the file system is read-only`,
        );
      }
    }
  } finally {
    spawnSync("umount", [readOnly()]);
  }
});
