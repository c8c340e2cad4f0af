import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { makeDirectory } from "../../src/platform/directories.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("directories");
const folder = folderFor(test, "directories");

test("a directory is made with those above it, and made again without harm", () => {
  const path = join(folder, "a/b/c");
  for (let times = 0; times < 2; times++) makeDirectory(path);
  assert.ok(fs.statSync(path).isDirectory());
  for (const existing of ["/", ".", folder]) makeDirectory(existing);
});

test("the refusal names the file in the way, or the true reason why nothing can be made", () => {
  const file = join(folder, "file");
  fs.writeFileSync(file, "");
  fs.symlinkSync("nowhere", join(folder, "lost"));
  const isFile = "a part of the path is a file, a directory is needed";
  for (const [path, reason] of [
    [file, "a file of that name is in the way"],
    [join(folder, "lost"), "a file of that name is in the way"],
    [join(file, "below"), isFile],
    [join(file, "below/x"), isFile],
  ]) {
    assert.is(
      refusal(() => makeDirectory(path)),
      `cannot make ${path}: ${reason}`,
    );
  }
});
