/** Where a file that is written goes: through links, into devices and pipes, with the mode and owner of the one before. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { writeFileAtomic } from "../../src/platform/atomic-write.ts";
import { UnfinishedFile } from "../../src/platform/unfinished-file.ts";
import { scriptLine } from "../cli/child.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("unfinished file");
const folder = folderFor(test, "unfinished");
const at = (name: string) => join(folder, name);
const textOf = (name: string) => fs.readFileSync(at(name), "utf8");

test("a link stays a link, and what it leads to gets the content, however many are on the way", () => {
  fs.mkdirSync(at("real/inner"), { recursive: true });
  fs.writeFileSync(at("real/file"), "old");
  fs.symlinkSync("real/file", at("link"));
  fs.symlinkSync(at("link"), at("link-to-link"));
  fs.symlinkSync("real/inner", at("directory"));
  fs.symlinkSync("../file", at("real/inner/up")); // seen from directory/up it is real/file, not ./file
  for (const name of ["link", "link-to-link", "directory/up"]) {
    writeFileAtomic(at(name), name);
    assert.ok(fs.lstatSync(at(name)).isSymbolicLink());
    assert.is(textOf("real/file"), name);
  }
  assert.equal(fs.readdirSync(folder).sort(), ["directory", "link", "link-to-link", "real"]);
  assert.equal(fs.readdirSync(at("real")).sort(), ["file", "inner"]);
});

test("a link to nothing gets what it leads to, and links in a circle are refused", () => {
  fs.symlinkSync("later/made", at("early"));
  writeFileAtomic(at("early"), "now");
  assert.is(textOf("later/made"), "now");
  fs.symlinkSync("round", at("about"));
  fs.symlinkSync("about", at("round"));
  const message = refusal(() => writeFileAtomic(at("round"), ""));
  assert.is(message, `cannot follow ${at("round")}: too many symbolic links lead to it`);
});

test("a file keeps its mode, and a new one has that of all new files", () => {
  for (const mode of [0o600, 0o640, 0o664, 0o755, 0o400]) {
    fs.writeFileSync(at("mode"), "old");
    fs.chmodSync(at("mode"), mode);
    writeFileAtomic(at("mode"), "new");
    assert.is(fs.statSync(at("mode")).mode & 0o777, mode);
    fs.rmSync(at("mode"));
  }
  writeFileAtomic(at("ours"), "");
  fs.writeFileSync(at("usual"), "");
  assert.is(fs.statSync(at("ours")).mode, fs.statSync(at("usual")).mode);
});

test("while it is written, nobody may read what will be private", () => {
  fs.writeFileSync(at("private"), "old", { mode: 0o600 });
  const file = new UnfinishedFile(at("private"));
  const [temporary] = fs.readdirSync(folder).filter((name) => name.startsWith("private.tmp-"));
  assert.is(fs.statSync(at(temporary)).mode & 0o077, 0);
  file.discard();
  assert.not.ok(fs.existsSync(at(temporary)));
  assert.is(textOf("private"), "old");
});

test("directories that were made for a file go again if nothing comes of it, and stay if it does", () => {
  fs.mkdirSync(at("there"));
  new UnfinishedFile(at("there/deep/er/file")).discard();
  assert.equal(fs.readdirSync(at("there")), []);
  assert.match(
    refusal(() => writeFileAtomic(at(`there/deep/${"x".repeat(300)}`), "")),
    "its name is too long",
  );
  assert.equal(fs.readdirSync(at("there")), []);
  writeFileAtomic(at("there/deep/file"), "whole");
  assert.is(textOf("there/deep/file"), "whole");
});

const noRoot = process.getuid?.() === 0 ? "" : "only root may give files away";

test.unless(noRoot, "a file keeps its owner and group", () => {
  fs.writeFileSync(at("owned"), "old");
  fs.chownSync(at("owned"), 12, 34);
  writeFileAtomic(at("owned"), "new");
  const { uid, gid } = fs.statSync(at("owned"));
  assert.equal([uid, gid, textOf("owned")], [12, 34, "new"]);
});

test.unless(noRoot, "a device stays a device", () => {
  if (spawnSync("mknod", [at("null"), "c", "1", "3"]).status !== 0) return; // containers may forbid it
  writeFileAtomic(at("null"), "x");
  assert.ok(fs.lstatSync(at("null")).isCharacterDevice());
});

test.unless(noRoot, "a file that is mounted by itself is written where it is", () => {
  for (const name of ["outside", "inside"]) fs.writeFileSync(at(name), name);
  if (spawnSync("mount", ["--bind", at("outside"), at("inside")]).status !== 0) return; // containers may forbid it
  try {
    writeFileAtomic(at("inside"), "new");
  } finally {
    spawnSync("umount", [at("inside")]);
  }
  assert.equal([textOf("outside"), textOf("inside")], ["new", "inside"]);
  assert.equal(
    fs.readdirSync(folder).filter((name) => name.includes(".tmp-")),
    [],
  );
});

const noPipes = spawnSync("mkfifo", ["--version"]).status === 0 ? "" : "no mkfifo here";

test.unless(noPipes, "a pipe stays a pipe, and its reader gets everything", async () => {
  spawnSync("mkfifo", [at("pipe")]);
  const reader = spawn("cat", [at("pipe")]);
  let got = "";
  reader.stdout.on("data", (piece) => (got += piece));
  writeFileAtomic(at("pipe"), "through the pipe");
  await once(reader, "close");
  assert.is(got, "through the pipe");
  assert.ok(fs.lstatSync(at("pipe")).isFIFO());
});

const noDescriptors = fs.existsSync("/dev/stdout") ? "" : "no /dev/stdout here";

test.unless(
  noDescriptors,
  "what a shell redirected is gone on with, and neither cut nor written from its start",
  () => {
    for (const path of ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].filter((name) => fs.existsSync(name))) {
      fs.writeFileSync(at("log"), "before\n");
      const log = fs.openSync(at("log"), "a");
      const [command, args] = scriptLine("test/platform/write-to", [path, "2"]);
      assert.is(spawnSync(command, args, { stdio: ["ignore", log, "inherit"] }).status, 0);
      fs.closeSync(log);
      assert.is(textOf("log"), `before\nstandard output is open\n${"a line that is written\n".repeat(2)}`, path);
    }
  },
);

test.unless(noDescriptors, "a pipe that is full is waited for", () => {
  const [command, args] = scriptLine("test/platform/write-to", ["/dev/stdout", "100000"]);
  const shell = [command, ...args].map((word) => `'${word}'`).join(" ");
  const { stdout } = spawnSync("sh", ["-c", `${shell} | (sleep 0.2; wc -c)`], { encoding: "utf8" });
  assert.is(Number(stdout), 24 + 23 * 100_000);
});

test("a name of the greatest length can be written, also with letters of several bytes", () => {
  for (const name of ["n".repeat(255), "é".repeat(127), "🐟".repeat(63)]) {
    writeFileAtomic(at(name), "long");
    assert.is(textOf(name), "long");
  }
  assert.equal(
    fs.readdirSync(folder).filter((name) => name.includes(".tmp-")),
    [],
  );
});
