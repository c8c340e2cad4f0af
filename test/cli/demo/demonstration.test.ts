import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type DemoDocuments, demoDocuments } from "../../../src/cli/demo/demo-documents.ts";
import { demonstrate } from "../../../src/cli/demo/demonstration.ts";
import { packageDirectory } from "../../../src/cli/package.ts";
import { textOf } from "../../../src/data/corpus.ts";
import { Transformer } from "../../../src/model/transformer.ts";
import { ProgressLine } from "../../../src/report/progress.ts";
import { byteTokenizer } from "../../../src/text/tokenizer.ts";
import { evaluate } from "../../../src/train/evaluate.ts";
import { folderFor } from "../../folder.ts";
import { suite } from "../../harness.ts";
import { tinyConfig } from "../../tiny.ts";
import { memorizing } from "../child.ts";

const test = suite("demonstration");

const folder = folderFor(test, "demonstration");
const at = (name: string) => join(folder, name);

test.before(() => {
  fs.writeFileSync(at("a.md"), "one fish, two fish\n");
  fs.writeFileSync(at("b.md"), "red fish,\nblue fish\n");
  fs.writeFileSync(at("c.md"), "black fish\n\x1b[2J\n");
});

const progress = new ProgressLine({ write: () => true });

function documents(): DemoDocuments {
  return {
    read: [{ name: "a.md", files: [at("a.md")] }],
    tested: { name: "b and c", files: [at("b.md"), at("c.md")] },
    testedFiles: [
      { name: "b.md", firstLine: 1 },
      { name: "c.md", firstLine: 3 },
    ],
  };
}

test("tells perplexities, what was retrieved and what is written, and writes the page", async () => {
  const pretrained = { model: new Transformer(tinyConfig(), 1), tokenizer: byteTokenizer() };
  const told: string[] = [];
  const options = { memorySizes: [0, 5, 19], tokens: 33, mostGained: 40, prompt: "old\nfish", writing: { tokens: 9 } };
  await demonstrate(pretrained, documents(), {
    origin: "",
    ...options,
    progress,
    page: at("new/page.html"),
    write: (text) => told.push(text),
  });
  const [remembered, table, gained, prompt, without, withMemory] = told;
  assert.is(told.length, 6);
  assert.is(remembered, "19 tokens are remembered\n\n");
  assert.match(
    table,
    /\n +0 [^\n]*\n +5 [^\n]*\n +19 [^\n]*\nover the same 33 tokens \(33 bytes\) in every line\nbrotli [^\n]*\n\n$/,
  );
  assert.match(gained, / {2}b\.md, line [12]: /);
  assert.match(gained, / {2}c\.md, line [12]: /);
  assert.match(gained, /from layer 1 head [01], a\.md, line 1, weight /);
  assert.match(prompt, "\n    old\n    fish\n\n");
  assert.match(without, /^goes on, without memory\n {4}/);
  assert.match(withMemory, /^and with it\n {4}/);
  assert.not.match(told.join("").replaceAll("\n", ""), /\p{Cc}/u);
  assert.match(fs.readFileSync(at("new/page.html"), "utf8"), "What a memory does for b and c");
});

test("without a memory it measures what a model measures that has read nothing", async () => {
  const pretrained = { model: new Transformer(tinyConfig(), 1), tokenizer: byteTokenizer() };
  const ids = pretrained.tokenizer.encode(textOf(documents().tested));
  const plain = evaluate(pretrained.model, [{ name: "", tokens: () => ids }], pretrained.tokenizer, {
    memorySizes: [0],
  });
  const told: string[] = [];
  const options = { memorySizes: [0, 17], tokens: 1000, mostGained: 1, prompt: "x", writing: { tokens: 0 } };
  await demonstrate(pretrained, documents(), {
    origin: "",
    ...options,
    progress,
    page: at("page.html"),
    write: (text) => told.push(text),
  });
  assert.match(told[1], ` ${plain.results[0].perplexity.toPrecision(4)} `);
});

test("the documents of the demo come with every copy, and each line of the test is found in its file", () => {
  const { read, tested, testedFiles } = demoDocuments(packageDirectory());
  assert.equal(
    read.slice(0, 2).map(({ name }) => name),
    ["src/nn/declarations.ts", "src/nn/gate.ts"],
  );
  const { files } = JSON.parse(fs.readFileSync(`${packageDirectory()}/package.json`, "utf8"));
  for (const { name } of [...read, ...testedFiles]) assert.ok(files.includes(name.split("/")[0]), name);
  const lines = textOf(tested).split("\n");
  for (const [i, { name, firstLine }] of testedFiles.entries()) {
    const own = fs.readFileSync(`${packageDirectory()}/${name}`, "utf8").trimEnd().split("\n");
    assert.equal(lines.slice(firstLine - 1, firstLine - 1 + own.length), own, name);
    assert.is(testedFiles.at(i + 1)?.firstLine ?? lines.length, firstLine + own.length);
  }
});

test("the command explains that it can train from nothing as well", () => {
  assert.match(memorizing("demo", "--help").stdout, /--train +\S/);
});
