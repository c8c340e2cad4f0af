import * as fs from "node:fs";
import { basename, join } from "node:path";
import * as assert from "uvu/assert";
import { writeDemoCorpus } from "../../../src/cli/demo/demo-corpus.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { refusal } from "../../refusal.ts";

const test = suite("demo corpus");

const folder = folderFor(test, "demo-corpus");
const at = (name: string) => join(folder, name);

/** A file of `lines` lines of 50 characters, after what it begins with. */
function write(path: string, lines: number, beginning = ""): void {
  fs.mkdirSync(join(at(path), ".."), { recursive: true });
  fs.writeFileSync(at(path), beginning + `${path.padEnd(49, ".")}\n`.repeat(lines));
}

function lengths(directory: string): Record<string, number> {
  const files = fs.readdirSync(directory).sort();
  return Object.fromEntries(files.map((name) => [name, fs.statSync(join(directory, name)).size]));
}

test("packages become documents: large ones several, held-out ones cut, tiny ones and other files none", () => {
  write("node_modules/binaryen/a.d.ts", 1001, "\n");
  write("node_modules/binaryen/b.d.ts", 900);
  write("node_modules/@huggingface/tokenizers/types/a.d.ts", 100);
  write("node_modules/undici-types/a.d.ts", 60);
  write("node_modules/undici-types/b.d.ts", 60);
  write("node_modules/large/a.ts", 2000);
  write("node_modules/large/b.ts", 2000);
  write("node_modules/large/c.ts", 1);
  write("node_modules/large/d/e.ts", 5000);
  write("node_modules/large/d/readme.md", 5000);
  write("node_modules/small/index.d.ts", 40);
  write("node_modules/tiny/index.d.ts", 39);
  const corpus = writeDemoCorpus(at("node_modules"), at("text"));
  assert.equal(lengths(corpus.training), { "large-01.ts": 200_000, "large-02.ts": 200_000, "small.ts": 2000 });
  assert.equal(lengths(corpus.heldOut), { "@huggingface.ts": 5000, "binaryen.ts": 47_951, "undici-types.ts": 6000 });
  assert.equal(
    corpus.heldOutFiles.map((path) => basename(path)),
    ["@huggingface.ts", "binaryen.ts", "undici-types.ts"],
  );
});

test("without the packages that are held out, the demo says what to do", () => {
  write("other/small/index.d.ts", 40);
  const sentence = refusal(() => writeDemoCorpus(at("other"), at("nothing")));
  assert.match(sentence, `${at("other")} has no @huggingface`);
  assert.not.ok(fs.existsSync(at("nothing")));
});
