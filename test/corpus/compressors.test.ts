import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { gzipSync } from "node:zlib";
import * as assert from "uvu/assert";
import { suite } from "../harness.ts";
import { runScript } from "./scripts.ts";

const test = suite("compressors");
const folder = mkdtempSync(join(tmpdir(), "compressors-"));
/** No program is found, so the test needs none. */
const env = { ...process.env, PATH: join(folder, "nothing") };

test.after(() => rmSync(folder, { recursive: true }));

test("a table has a line for each document, and tells what is not installed", () => {
  const documents = join(folder, "documents");
  mkdirSync(join(documents, "deeper"), { recursive: true });
  const text = Array.from({ length: 200 }, (_, i) => `line ${i * i} of the text\n`).join("");
  writeFileSync(join(documents, "b.txt"), text);
  writeFileSync(join(documents, "a"), "");
  writeFileSync(join(documents, ".hidden"), text);
  const { code, stdout } = runScript("compressors.mjs", [documents], env);
  assert.is(code, 0);
  const lines = stdout.split("\n");
  assert.match(lines[0], /^bits per byte +bytes +gzip -9 +brotli -11 +zstd -22 +xz -9e +PPMd$/);
  assert.match(lines[1], /^a +0$/);
  const bits = ((8 * gzipSync(text, { level: 9 }).length) / text.length).toFixed(3);
  assert.match(lines[2], new RegExp(`^b +${text.length.toLocaleString("en")} +${bits} +\\d\\.\\d{3}$`));
  const missing = ["zstd", "xz", "7zz"].map((name) => `${name} is not installed, so its column is empty`);
  assert.equal(lines.slice(3), [...missing, ""]);
});

test("what is no directory, or an empty one, is refused", () => {
  const told = (...args: string[]) => {
    const { code, stderr } = runScript("compressors.mjs", args, env);
    assert.is(code, 1);
    return stderr;
  };
  assert.is(told(), "one directory is needed: node models/compressors.mjs DIR\n");
  assert.is(told(join(folder, "gone")), `${join(folder, "gone")} is not a directory\n`);
  mkdirSync(join(folder, "empty"));
  assert.is(told(join(folder, "empty")), `${join(folder, "empty")} holds no file\n`);
});
