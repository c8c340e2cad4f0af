import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { InputError } from "../../src/base/errors.ts";
import * as platform from "../../src/platform/files.ts";
import { suite } from "../harness.ts";

const test = suite("platform");
let folder = "";

test.before(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "platform-"));
});
test.after(() => {
  fs.rmSync(folder, { recursive: true });
});

/** Asserts that `action` is refused with this sentence exactly. */
function refuses(action: () => unknown, message: string): void {
  let refusal: unknown;
  try {
    action();
  } catch (error) {
    refusal = error;
  }
  assert.instance(refusal, InputError, message);
  assert.is((refusal as Error).message, message);
}

test("bytes written are the bytes read, at every small size and beyond a buffer", () => {
  for (const size of [0, 1, 15, 16, 17, 65537, 1_000_003]) {
    const path = join(folder, `bytes-${size}`);
    const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 7) ^ (i >> 8));
    platform.writeFileAtomic(path, bytes);
    const back = platform.readFile(path);
    assert.is(back.constructor, Uint8Array);
    assert.equal(back, bytes);
  }
});

test("a part of a larger buffer is written, not the whole", () => {
  const path = join(folder, "part");
  platform.writeFileAtomic(path, Uint8Array.of(1, 2, 3, 4).subarray(1, 3));
  assert.equal(platform.readFile(path), Uint8Array.of(2, 3));
});

test("text comes back as it was, beyond ASCII too", () => {
  const path = join(folder, "text");
  platform.writeFileAtomic(path, "naïve 日本 🙂\r\n\0");
  assert.is(platform.readText(path), "naïve 日本 🙂\r\n\0");
});

test("a byte order mark is not part of the text", () => {
  const path = join(folder, "mark");
  platform.writeFileAtomic(path, Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d));
  assert.is(platform.readText(path), "{}");
});

test("text that is not UTF-8 is refused, not mended", () => {
  const path = join(folder, "latin1");
  platform.writeFileAtomic(path, Uint8Array.of(0x6e, 0x61, 0xef, 0x76, 0x65));
  refuses(() => platform.readText(path), `${path} is not UTF-8 text; convert it to UTF-8 first`);
});

test("writing makes missing directories, replaces what was there and leaves nothing beside it", () => {
  const path = join(folder, "new", "deep", "file");
  platform.writeFileAtomic(path, "a longer first version");
  platform.writeFileAtomic(path, "second");
  assert.is(platform.readText(path), "second");
  assert.equal(platform.listDirectory(join(folder, "new", "deep")), [{ name: "file", kind: "file" }]);
});

test("whoever has the old file open keeps reading the old content", () => {
  const path = join(folder, "open");
  platform.writeFileAtomic(path, "old");
  const reader = fs.openSync(path, "r");
  platform.writeFileAtomic(path, "new");
  assert.is(fs.readFileSync(reader, "utf8"), "old");
  fs.closeSync(reader);
});

test("a write that fails leaves neither a temporary file nor a change", () => {
  const path = join(folder, "taken");
  platform.makeDirectory(join(path, "inside"));
  refuses(() => platform.writeFileAtomic(path, "x"), `cannot write ${path}: it is a directory, a file is needed`);
  assert.not.ok(platform.listDirectory(folder).some(({ name }) => name.includes(".tmp-")));
  assert.equal(platform.listDirectory(path), [{ name: "inside", kind: "directory" }]);
});

test("of files that belong together none is changed when one cannot be written", () => {
  const [first, second] = [join(folder, "pair", "first"), join(folder, "pair", "second")];
  platform.writeFilesAtomic(
    new Map([
      [first, "1"],
      [second, "2"],
    ]),
  );
  assert.equal(
    [first, second].map((path) => platform.readText(path)),
    ["1", "2"],
  );
  const long = join(folder, "pair", "x".repeat(300));
  const files = new Map([
    [first, "new"],
    [long, "new"],
  ]);
  refuses(() => platform.writeFilesAtomic(files), `cannot write ${long}: its name is too long`);
  assert.is(platform.readText(first), "1");
  assert.is(platform.listDirectory(join(folder, "pair")).length, 2);
});

test("text is appended to a file, which is made with its directory when it is missing", () => {
  const path = join(folder, "log", "metrics.jsonl");
  platform.appendText(path, "1\n");
  platform.appendText(path, "");
  platform.appendText(path, "ä\n");
  assert.is(platform.readText(path), "1\nä\n");
});

test("a directory is listed in the order of code units, with links as links", () => {
  const path = join(folder, "listing");
  for (const name of ["b", "a10", "a9", "B", "é"]) platform.writeFileAtomic(join(path, name), "");
  platform.makeDirectory(join(path, "c"));
  fs.symlinkSync("c", join(path, "d-link"));
  fs.symlinkSync("nowhere", join(path, "e-dangling"));
  const listing = platform.listDirectory(path);
  assert.equal(
    listing.map(({ name }) => name),
    ["B", "a10", "a9", "b", "c", "d-link", "e-dangling", "é"],
  );
  const namesOf = (wanted: string) => listing.filter(({ kind }) => kind === wanted).map(({ name }) => name);
  assert.equal(namesOf("directory"), ["c"]);
  assert.equal(namesOf("link"), ["d-link", "e-dangling"]);
  assert.equal(namesOf("other"), []);
});

test("an empty directory is an empty list", () => {
  platform.makeDirectory(join(folder, "empty"));
  assert.equal(platform.listDirectory(join(folder, "empty")), []);
});

test("exists and isDirectory answer for files, directories and nothing at all", () => {
  const file = join(folder, "some-file");
  platform.writeFileAtomic(file, "");
  const paths = [file, folder, join(folder, "nothing"), join(file, "below"), ""];
  assert.equal(paths.map(platform.exists), [true, true, false, false, false]);
  assert.equal(paths.map(platform.isDirectory), [false, true, false, false, false]);
});

test("a directory that exists already can be made again", () => {
  platform.makeDirectory(join(folder, "again"));
  platform.makeDirectory(join(folder, "again"));
  assert.ok(platform.isDirectory(join(folder, "again")));
});

test("a file can be removed, and removed again", () => {
  const path = join(folder, "removed");
  platform.writeFileAtomic(path, "");
  platform.removeFile(path);
  assert.not.ok(platform.exists(path));
  platform.removeFile(path);
});

test("removing refuses a directory, even an empty one", () => {
  const path = join(folder, "kept");
  platform.makeDirectory(path);
  refuses(() => platform.removeFile(path), `cannot remove ${path}: it is a directory, a file is needed`);
  assert.ok(platform.isDirectory(path));
});

test("what the system refuses is one sentence that names the path", () => {
  const file = join(folder, "plain-file");
  const missing = join(folder, "no", "such", "file");
  const below = join(file, "below");
  platform.writeFileAtomic(file, "");
  refuses(() => platform.readFile(missing), `cannot read ${missing}: no such file or directory`);
  refuses(() => platform.readText(missing), `cannot read ${missing}: no such file or directory`);
  refuses(() => platform.listDirectory(missing), `cannot list ${missing}: no such file or directory`);
  refuses(() => platform.readFile(folder), `cannot read ${folder}: it is a directory, a file is needed`);
  refuses(() => platform.appendText(folder, ""), `cannot write ${folder}: it is a directory, a file is needed`);
  const isFile = "a part of the path is a file, a directory is needed";
  refuses(() => platform.readFile(below), `cannot read ${below}: ${isFile}`);
  refuses(() => platform.listDirectory(file), `cannot list ${file}: ${isFile}`);
  refuses(() => platform.makeDirectory(join(below, "x")), `cannot make ${join(below, "x")}: ${isFile}`);
  const inTheWay = "a file of that name is in the way";
  refuses(() => platform.makeDirectory(file), `cannot make ${file}: ${inTheWay}`);
  refuses(() => platform.writeFileAtomic(below, "x"), `cannot write ${below}: ${inTheWay}`);
});

test.unless(fs.existsSync("/dev/full") ? "" : "no /dev/full here", "a full disk is called a full disk", () => {
  refuses(() => platform.appendText("/dev/full", "x"), "cannot write /dev/full: the disk is full");
});

test.unless(fs.existsSync("/proc/version") ? "" : "no /proc here", "a file that hides its size is read whole", () => {
  assert.is(fs.statSync("/proc/version").size, 0);
  assert.is(platform.readText("/proc/version"), fs.readFileSync("/proc/version", "utf8"));
});

const noPipes = spawnSync("mkfifo", ["--version"]).status === 0 ? "" : "no mkfifo here";

test.unless(noPipes, "a named pipe is refused instead of waited for, behind a link, too", () => {
  const [pipe, link] = [join(folder, "pipe"), join(folder, "link-to-pipe")];
  assert.is(spawnSync("mkfifo", [pipe]).status, 0);
  fs.symlinkSync(pipe, link);
  for (const path of [pipe, link]) refuses(() => platform.readFile(path), `${path} is a named pipe, a file is needed`);
});

test("a text that no string could hold is refused before it is read", () => {
  const path = join(folder, "huge");
  fs.writeFileSync(path, "");
  fs.truncateSync(path, 2 ** 29); // takes no space on the disk
  refuses(() => platform.readText(path), `${path} has 536870912 bytes, more than the 536870848 that can be read`);
  fs.rmSync(path);
});

test.unless(
  fs.existsSync("/dev/zero") ? "" : "no /dev/zero here",
  "a device without an end is left after a while",
  () => {
    refuses(() => platform.readFile("/dev/zero", 100_000), "/dev/zero does not end within 100000 bytes");
  },
);

test("a link is known to lead to a file within a directory, or not to", () => {
  const [inner, outer] = [join(folder, "inner"), join(folder, "inner-not")];
  for (const path of [inner, outer]) platform.writeFileAtomic(join(path, "file"), "");
  const links = { "../inner/file": true, file: true, "chain-file": true, "../inner-not/file": false, ".": false };
  fs.symlinkSync("file", join(inner, "chain-file"));
  for (const [target, expected] of Object.entries(links)) {
    const link = join(inner, "link");
    fs.symlinkSync(target, link);
    assert.is(platform.leadsToFileIn(link, inner), expected, target);
    fs.rmSync(link);
  }
  fs.symlinkSync("circle", join(inner, "circle"));
  const sentence = `cannot follow ${join(inner, "circle")}: too many symbolic links lead to it`;
  refuses(() => platform.leadsToFileIn(join(inner, "circle"), inner), sentence);
});

test("mistakes of the program are not blamed on the user", () => {
  assert.throws(
    () => platform.writeFileAtomic(join(folder, "bug"), null as unknown as string),
    (error: unknown) => error instanceof TypeError,
  );
});
