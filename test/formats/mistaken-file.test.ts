/** Files that are something else, however large: named by their first bytes, before the rest is read. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readTextFile } from "../../src/data/corpus.ts";
import { readJson } from "../../src/formats/json-file.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { readSafetensorsFile } from "../../src/formats/safetensors-file.ts";
import { readMemory } from "../../src/memory/disk.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("mistaken file");

test("a small example, written out: a Git LFS pointer is named, also in a browser, where there are no files", () => {
  const pointer = new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4012345\n");
  assert.is(
    refusal(() => readSafetensors(pointer, "model.safetensors")),
    "model.safetensors is a Git LFS pointer, not a safetensors file; fetch the file itself with git lfs pull",
  );
});

/** Too large for any program to hold, so reading it whole fails. It takes no space on the disk. */
const FOUR_TEBIBYTES = 2 ** 42;

const folder = folderFor(test, "mistaken");

/** A file that begins so, with zeros to the end. */
function largeFile(beginning: string | Uint8Array): string {
  const path = join(folder, "large");
  fs.writeFileSync(path, beginning);
  fs.truncateSync(path, FOUR_TEBIBYTES);
  return path;
}

const readers: readonly (readonly [string, (path: string) => unknown])[] = [
  ["weights", readSafetensorsFile],
  ["a memory", readMemory],
  ["JSON", readJson],
  ["a document", (path) => readTextFile(path)],
];

for (const [name, read] of readers) {
  test(`a huge file of zeros in place of ${name} is refused by its first bytes`, () => {
    assert.match(
      refusal(() => read(largeFile(""))),
      /the header must begin with "\{"|is a binary file/,
    );
  });
}

test("a huge file of a known kind is called that", () => {
  for (const [, read] of readers.slice(0, 3)) {
    assert.match(
      refusal(() => read(largeFile("<!doctype html><title>not found</title>"))),
      / is an HTML page, not a (JSON|safetensors) file; download the file itself/,
    );
  }
});

test("a huge model in place of a memory is refused by its header", () => {
  const header = '{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}  ';
  const model = Uint8Array.of(header.length, 0, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode(header));
  assert.match(
    refusal(() => readMemory(largeFile(model))),
    "is not a memory's file",
  );
});

test("a header whose length looks like the beginning of another kind is read", () => {
  const name = "n".repeat(0x8b1f);
  const bytes = writeSafetensors(new Map([[name, { dtype: "U8", shape: [1], data: Uint8Array.of(7) }]]));
  const json = new TextDecoder().decode(bytes.subarray(8, -1)).trimEnd();
  const header = json.replace(name, name.slice(json.length - 0x8b1f)); // of 0x8b1f bytes: 1f 8b, as gzip files begin
  const file = Uint8Array.of(0x1f, 0x8b, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode(header), 7);
  assert.equal([...readSafetensors(file, "x").tensors.values()][0].data, Uint8Array.of(7));
});
