import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import * as files from "../../src/platform/files.ts";
import * as reading from "../../src/platform/read-file.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("platform");
const platform = { ...files, ...reading };
const folder = folderFor(test, "platform");

test("a byte order mark is not part of the text", () => {
  const path = join(folder, "mark");
  fs.writeFileSync(path, Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d));
  assert.is(platform.readText(path), "{}");
});

test("text that is not UTF-8 is refused, not mended", () => {
  const path = join(folder, "latin1");
  fs.writeFileSync(path, Uint8Array.of(0x6e, 0x61, 0xef, 0x76, 0x65));
  assert.is(
    refusal(() => platform.readText(path)),
    `${path} is not UTF-8 text; convert it to UTF-8 first`,
  );
});

test("a directory is listed in the order of code units, with links as links", () => {
  const path = join(folder, "listing");
  fs.mkdirSync(path);
  for (const name of ["b", "a10", "a9", "B", "é"]) fs.writeFileSync(join(path, name), "");
  fs.mkdirSync(join(path, "c"));
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
  fs.mkdirSync(join(folder, "empty"));
  assert.equal(platform.listDirectory(join(folder, "empty")), []);
});

test("exists and isDirectory answer for files, directories and nothing at all", () => {
  const file = join(folder, "some-file");
  fs.writeFileSync(file, "");
  const paths = [file, folder, join(folder, "nothing"), join(file, "below"), ""];
  assert.equal(paths.map(platform.exists), [true, true, false, false, false]);
  assert.equal(paths.map(platform.isDirectory), [false, true, false, false, false]);
});

test("a file can be removed, and removed again", () => {
  const path = join(folder, "removed");
  fs.writeFileSync(path, "");
  platform.removeFile(path);
  assert.not.ok(platform.exists(path));
  platform.removeFile(path);
});

test("links of either kind to a file have its identity, and nothing else has one", () => {
  const [file, other] = [join(folder, "identical"), join(folder, "equal")];
  for (const path of [file, other]) fs.writeFileSync(path, "same");
  const [soft, hard, lost] = ["soft", "hard", "lost"].map((name) => join(folder, name));
  fs.symlinkSync("soft-too", soft);
  fs.symlinkSync("identical", join(folder, "soft-too"));
  fs.linkSync(file, hard);
  fs.symlinkSync("nowhere", lost);
  const identity = platform.identityOf(file);
  assert.type(identity, "string");
  assert.equal([soft, hard].map(platform.identityOf), [identity, identity]);
  assert.is.not(platform.identityOf(other), identity);
  const none = [lost, folder, "/dev/null", join(file, "below"), ""];
  assert.equal(none.map(platform.identityOf), Array(none.length).fill(undefined));
});

test("a path is known to lie within a directory, whether it exists or not", () => {
  const inner = join(folder, "within");
  fs.mkdirSync(join(inner, "deep"), { recursive: true });
  fs.mkdirSync(join(folder, "within-not"));
  fs.symlinkSync("within/deep", join(folder, "into"));
  fs.symlinkSync("../..", join(inner, "deep/out"));
  for (const [path, expected] of Object.entries({
    within: true,
    "within/deep": true,
    "within/new/deep": true,
    "into/new": true,
    "within-not": false,
    "within/deep/out/new": false,
    new: false,
    ".": false,
  })) {
    assert.is(platform.isWithin(join(folder, path), inner), expected, path);
  }
});

test("the beginning can be read of a file, and of nothing else", () => {
  const path = join(folder, "beginning");
  fs.writeFileSync(path, "once upon a time");
  const text = (most: number) => new TextDecoder().decode(platform.beginningOf(path, most));
  assert.equal([0, 4, 16, 99].map(text), ["", "once", "once upon a time", "once upon a time"]);
  for (const other of [folder, "/dev/zero", join(folder, "missing")])
    assert.is(platform.beginningOf(other, 9), undefined);
});

test("removing refuses a directory, even an empty one", () => {
  const path = join(folder, "kept");
  fs.mkdirSync(path);
  assert.is(
    refusal(() => platform.removeFile(path)),
    `cannot remove ${path}: it is a directory, a file is needed`,
  );
  assert.ok(platform.isDirectory(path));
});

test("a refusal of the system becomes one sentence that names the path", () => {
  const file = join(folder, "plain-file");
  const missing = join(folder, "no", "such", "file");
  const below = join(file, "below");
  fs.writeFileSync(file, "");
  assert.is(
    refusal(() => platform.readFile(missing)),
    `cannot read ${missing}: no such file or directory`,
  );
  assert.is(
    refusal(() => platform.readText(missing)),
    `cannot read ${missing}: no such file or directory`,
  );
  assert.is(
    refusal(() => platform.listDirectory(missing)),
    `cannot list ${missing}: no such file or directory`,
  );
  assert.is(
    refusal(() => platform.readFile(folder)),
    `cannot read ${folder}: it is a directory, a file is needed`,
  );
  const isFile = "a part of the path is a file, a directory is needed";
  assert.is(
    refusal(() => platform.readFile(below)),
    `cannot read ${below}: ${isFile}`,
  );
  assert.is(
    refusal(() => platform.listDirectory(file)),
    `cannot list ${file}: ${isFile}`,
  );
});

test.unless(fs.existsSync("/proc/version") ? "" : "no /proc here", "a file that hides its size is read whole", () => {
  assert.is(fs.statSync("/proc/version").size, 0);
  assert.is(platform.readText("/proc/version"), fs.readFileSync("/proc/version", "utf8"));
});

const noPipes = spawnSync("mkfifo", ["--version"]).status === 0 ? "" : "no mkfifo here";

test.unless(noPipes, "a named pipe is refused instead of waited for, also behind a link", () => {
  const [pipe, link] = [join(folder, "pipe"), join(folder, "link-to-pipe")];
  assert.is(spawnSync("mkfifo", [pipe]).status, 0);
  fs.symlinkSync(pipe, link);
  for (const path of [pipe, link])
    assert.is(
      refusal(() => platform.readFile(path)),
      `${path} is a named pipe, a file is needed`,
    );
});

test("a text that no string could hold is refused before it is read", () => {
  const path = join(folder, "huge");
  fs.writeFileSync(path, "");
  fs.truncateSync(path, 2 ** 29); // takes no space on the disk
  assert.is(
    refusal(() => platform.readText(path)),
    `${path} has 536870912 bytes, more than the 536870848 that can be read`,
  );
  fs.rmSync(path);
});

test.unless(
  fs.existsSync("/dev/zero") ? "" : "no /dev/zero here",
  "a device without an end is left after a while",
  () => {
    assert.is(
      refusal(() => platform.readFile("/dev/zero", 100_000)),
      "/dev/zero does not end within 100000 bytes",
    );
  },
);

test("a link is known to lead to a file within a directory, or not to", () => {
  const [inner, outer] = [join(folder, "inner"), join(folder, "inner-not")];
  for (const path of [inner, outer]) {
    fs.mkdirSync(path);
    fs.writeFileSync(join(path, "file"), "");
  }
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
  assert.is(
    refusal(() => platform.leadsToFileIn(join(inner, "circle"), inner)),
    sentence,
  );
});
