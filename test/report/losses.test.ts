import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { beginsAsLosses, LossesFile } from "../../src/report/losses.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("file of losses");

const folder = folderFor(test, "losses");
const path = () => join(folder, "deep/losses.jsonl");

const loss = (index: number) => ({ document: "a", index, token: 65, memory: 0, nats: index / 3 });

test("two losses are two lines", () => {
  const file = new LossesFile(path());
  file.add(loss(0));
  file.add(loss(3));
  file.finish();
  const lines =
    '{"document":"a","index":0,"token":65,"memory":0,"nats":0}\n' +
    '{"document":"a","index":3,"token":65,"memory":0,"nats":1}\n';
  assert.is(fs.readFileSync(path(), "utf8"), lines);
  fs.rmSync(path());
});

test("the file appears when it is complete, and not before", () => {
  const file = new LossesFile(path());
  for (let i = 0; i < 4097; i++) file.add(loss(i));
  assert.not.ok(fs.existsSync(path()));
  file.finish();
  const lines = fs.readFileSync(path(), "utf8").trimEnd().split("\n");
  assert.equal(
    lines.map((line) => JSON.parse(line)),
    Array.from({ length: 4097 }, (_, i) => loss(i)),
  );
  assert.equal(fs.readdirSync(join(folder, "deep")), ["losses.jsonl"]);
});

test("discarding leaves the old file as it was", () => {
  const before = fs.readFileSync(path(), "utf8");
  const file = new LossesFile(path());
  for (let i = 0; i < 5000; i++) file.add(loss(i));
  file.discard();
  assert.is(fs.readFileSync(path(), "utf8"), before);
  assert.equal(fs.readdirSync(join(folder, "deep")), ["losses.jsonl"]);
});

test("a directory is refused at once", () => {
  assert.is(
    refusal(() => new LossesFile(folder)),
    `cannot write ${folder}: it is a directory, a file is needed`,
  );
});

test("the leftover of a process with the same number does not become part of the file", () => {
  const stale = `${path()}.tmp-${process.pid}`;
  fs.writeFileSync(stale, "left by a process that was killed\n".repeat(9));
  const file = new LossesFile(path());
  file.add(loss(1));
  file.finish();
  assert.is(fs.readFileSync(path(), "utf8"), `${JSON.stringify(loss(1))}\n`);
  fs.rmSync(stale);
});

test("a link stays a link, and its target gets the losses", () => {
  fs.symlinkSync("losses.jsonl", join(folder, "deep/link"));
  const file = new LossesFile(join(folder, "deep/link"));
  file.add(loss(2));
  file.finish();
  assert.ok(fs.lstatSync(join(folder, "deep/link")).isSymbolicLink());
  assert.is(fs.readFileSync(path(), "utf8"), `${JSON.stringify(loss(2))}\n`);
});

test("a file of losses is recognised by its first line", () => {
  assert.ok(beginsAsLosses(fs.readFileSync(path(), "utf8")));
  assert.ok(beginsAsLosses(`${JSON.stringify({ ...loss(1), document: 'a "quoted" name' })}\n{"docu`));
  for (const text of ["", "{}", '{"document":"a"}', ` ${JSON.stringify(loss(1))}`, '{"step":1,"loss":2}']) {
    assert.not.ok(beginsAsLosses(text), text);
  }
});
