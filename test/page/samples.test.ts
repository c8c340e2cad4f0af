/** The samples of the page: four texts, each small and with a licence. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../harness.ts";
import { root } from "../package/tools.ts";

interface Sample {
  readonly key: string;
  readonly source: string;
  readonly licence: string;
}

const samples: readonly Sample[] = JSON.parse(readFileSync(join(root, "page/samples.json"), "utf8"));

const test = suite("samples of the page");

test("there are four, each with a licence", () => {
  assert.equal(
    samples.map(({ key }) => key),
    ["code", "proof", "latex", "novel"],
  );
  for (const { licence, source } of samples) assert.ok(licence.length > 2 && source.length > 10);
});

for (const { key } of samples.filter((sample) => sample.key !== "code")) {
  test(`${key} is small, and is text`, () => {
    const path = join(root, `page/samples/${key}.txt`);
    assert.ok(statSync(path).size < 80_000);
    assert.not.match(readFileSync(path, "utf8"), "\ufffd");
  });
}
