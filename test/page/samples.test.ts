/** The samples of the page: xz needs what the page says, where there is an xz to ask. */
import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../harness.ts";
import { root } from "../package/tools.ts";

interface Sample {
  readonly key: string;
  readonly source: string;
  readonly licence: string;
  readonly xz?: number;
}

const samples: readonly Sample[] = JSON.parse(readFileSync(join(root, "page/samples.json"), "utf8"));

const test = suite("samples of the page");
const noXz = spawnSync("xz", ["--version"]).status === 0 ? undefined : "needs xz";

test("there are four, each with a licence", () => {
  assert.equal(
    samples.map(({ key }) => key),
    ["code", "proof", "latex", "novel"],
  );
  for (const { licence, source } of samples) assert.ok(licence.length > 2 && source.length > 10);
});

for (const { key, xz } of samples.filter((sample) => sample.xz !== undefined)) {
  const path = join(root, `page/samples/${key}.txt`);
  test(`${key} is small, and is text`, () => {
    assert.ok(statSync(path).size < 80_000);
    assert.not.match(readFileSync(path, "utf8"), "\ufffd");
  });
  test.unless(noXz, `xz -9e needs ${xz} bytes for ${key}`, () => {
    assert.is(spawnSync("xz", ["-9e", "--stdout", path], { maxBuffer: 2 ** 24 }).stdout.length, xz);
  });
}
