import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { writeFileAtomic } from "../../src/platform/atomic-write.ts";
import { writeDirectory } from "../../src/platform/whole-directory.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("whole directory");

const folder = folderFor(test, "whole");
let count = 0;

/** A new directory. */
function newDirectory(): string {
  const directory = join(folder, String(count++));
  fs.mkdirSync(directory);
  return directory;
}

test("a directory has its name when all is in it, and not before", () => {
  const root = newDirectory();
  for (const directory of [join(root, "deep/plain"), `${join(root, "slash")}//`]) {
    const seen = writeDirectory(directory, (unfinished) => {
      writeFileAtomic(`${unfinished}/below/a.txt`, "a");
      return fs.existsSync(directory);
    });
    assert.not.ok(seen);
    assert.is(fs.readFileSync(join(directory, "below/a.txt"), "utf8"), "a");
  }
  assert.equal(fs.readdirSync(root), ["deep", "slash"]);
  assert.equal(fs.readdirSync(join(root, "deep")), ["plain"]);
});

test("an unfinished directory leaves nothing behind", () => {
  const root = newDirectory();
  const fill = (unfinished: string) => {
    writeFileAtomic(`${unfinished}/a.txt`, "a");
    throw new Error("half way");
  };
  assert.throws(() => writeDirectory(join(root, "half"), fill), "half way");
  assert.equal(fs.readdirSync(root), []);
});

test("a directory of that name keeps its content", () => {
  const root = newDirectory();
  const taken = join(root, "taken");
  writeFileAtomic(`${taken}/old.txt`, "old");
  const replace = () => writeDirectory(taken, (unfinished) => writeFileAtomic(`${unfinished}/new.txt`, "new"));
  assert.match(refusal(replace), taken);
  assert.equal(fs.readdirSync(root), ["taken"]);
  assert.equal(fs.readdirSync(taken), ["old.txt"]);
});

test("where no directory can be, what is told is that it cannot be written", () => {
  const root = newDirectory();
  writeFileAtomic(join(root, "file"), "");
  const below = join(root, "file/below");
  const write = () => writeDirectory(below, (unfinished) => writeFileAtomic(`${unfinished}/a.txt`, "a"));
  assert.match(refusal(write), /^cannot write /);
});

test("leftovers of a process of the same number do not become part of it", () => {
  const root = newDirectory();
  writeFileAtomic(join(root, `corpus.tmp-${process.pid}/old.txt`), "old");
  writeDirectory(join(root, "corpus"), (unfinished) => writeFileAtomic(`${unfinished}/new.txt`, "new"));
  assert.equal(fs.readdirSync(join(root, "corpus")), ["new.txt"]);
  assert.equal(fs.readdirSync(join(root, `corpus.tmp-${process.pid}`)), ["old.txt"]);
});

test("a link to nothing leads to where the directory is written", () => {
  const root = newDirectory();
  fs.symlinkSync("far/away", join(root, "link"));
  writeDirectory(join(root, "link"), (unfinished) => writeFileAtomic(`${unfinished}/a.txt`, "a"));
  assert.ok(fs.lstatSync(join(root, "link")).isSymbolicLink());
  assert.equal(fs.readdirSync(join(root, "far")), ["away"]);
  assert.equal(fs.readdirSync(join(root, "far/away")), ["a.txt"]);
});

test("errors inside it name the path that was given", () => {
  const directory = join(newDirectory(), "whole");
  const fill = (unfinished: string) => writeFileAtomic(`${unfinished}/${"x".repeat(300)}`, "");
  assert.is(
    refusal(() => writeDirectory(directory, fill)),
    `cannot write ${directory}/${"x".repeat(300)}: its name is too long`,
  );
});
