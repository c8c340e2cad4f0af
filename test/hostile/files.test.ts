/** The hostile files of this folder, one of each kind of malice: all are refused, in the sentences that are kept with them. */
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { suite } from "../harness.ts";
import { newDirectory, sentenceOf } from "./attack.ts";
import { readers } from "./readers.ts";

const test = suite("hostile files");

/** Compiled tests run from dist/test, the files stay in test/hostile. */
const isCompiled = import.meta.url.endsWith(".js");
const folder = fileURLToPath(new URL(isCompiled ? "../../../test/hostile/" : "./", import.meta.url));
const sentences: Record<string, string> = JSON.parse(readFileSync(`${folder}sentences.json`, "utf8"));
let directory = "";

test.before(() => {
  directory = newDirectory();
});
test.after(() => rmSync(directory, { recursive: true }));

test("a small example, written out: a configuration with a key twice", () => {
  const config = readers.find(({ name }) => name === "config")!;
  const path = `${directory}/FILE`;
  writeFileSync(path, '{"hidden_size": 8, "hidden_size": 8}');
  assert.is(sentenceOf(config, path), `${path} is not valid JSON: "hidden_size" appears twice in an object`);
});

for (const reader of readers.filter(({ name }) => name !== "metrics")) {
  test(`the reader "${reader.name}" refuses each of its hostile files in its own sentence`, () => {
    const names = readdirSync(`${folder}files/${reader.name}`);
    assert.ok(names.length > 5);
    for (const name of names) {
      const path = `${directory}/FILE`;
      copyFileSync(`${folder}files/${reader.name}/${name}`, path);
      assert.is(sentenceOf(reader, path)?.replaceAll(path, "FILE"), sentences[`${reader.name}/${name}`], name);
    }
  });
}
