import { Buffer } from "node:buffer";
import * as assert from "uvu/assert";
import { pathOf, pathText, systemPath } from "../../src/platform/path-bytes.ts";
import { suite } from "../harness.ts";

const test = suite("path bytes");

test("a small example, written out: the byte ff, which is not UTF-8, becomes a lone surrogate", () => {
  const path = pathOf(Uint8Array.of(0x61, 0xff));
  assert.is(path, "a\udcff");
  assert.equal(systemPath(path), Buffer.from([0x61, 0xff]));
  assert.is(pathText(path), "a\\xff");
});

test("any bytes become a string that leads back to them", () => {
  for (const name of [
    "61",
    "4772fc6e",
    "ff",
    "e282",
    "e28261",
    "f09f9982fc",
    "c0af",
    "eda080",
    "edb3bc",
    "fffefd8081",
    "",
  ]) {
    const bytes = Buffer.from(name, "hex");
    const path = pathOf(bytes);
    assert.is(Buffer.from(systemPath(path)).toString("hex"), name);
    assert.equal(pathOf(Buffer.from(systemPath(path))), path);
  }
});

test("a name of text stays the text that it is, emoji too", () => {
  for (const name of ["notes.md", "naïve 日本 🙂", "\\x41"]) {
    assert.is(pathOf(Buffer.from(name)), name);
    assert.is(systemPath(name), name);
    assert.is(pathText(name), name);
  }
});

test("as a text, a path has its strange bytes as escapes, and no halves of characters", () => {
  assert.is(pathText(pathOf(Buffer.from("d/Gr\xfcn\xe2.txt", "latin1"))), "d/Gr\\xfcn\\xe2.txt");
});
