import process from "node:process";
import * as assert from "uvu/assert";
import { parseJson } from "../../src/formats/json.ts";
import { parseConfig } from "../../src/model/config.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("JSON");

const parsed = (text: string) => parseJson(text, "x.json is not JSON");
const refused = (text: string) => refusal(() => parsed(text));

test("a small example, written out", () => {
  assert.equal(parsed('{"a": [1, true, "\\u00e9"]}'), { a: [1, true, "é"] });
  assert.is(refused('{"a": 1, "a": 2}'), 'x.json is not JSON: "a" appears twice in an object');
});

test("every kind of value is read as the engine reads it", () => {
  const texts = ["null", "true", " false ", "0", "-0.5e-3", "1E+2", '""', '"\\u00e9\\n\\ud83d\\ude42"', "[]", "{}"];
  for (const text of [...texts, '[1,[2,{"a":[]}]]', '\t{ "a" : 1 ,\r\n"b":{"c":null}} ', "5e-324", "1e-999"]) {
    assert.equal(parsed(text), JSON.parse(text), text);
  }
});

test("keys that every JavaScript object has are keys like others", () => {
  const value = parsed('{"__proto__": {"a": 1}, "constructor": 2, "toString": 3}') as object;
  assert.equal(Object.keys(value), ["__proto__", "constructor", "toString"]);
  assert.is(Object.getPrototypeOf(value), Object.prototype);
});

test("text that is not JSON is refused with the place of the fault", () => {
  const broken = [
    "",
    " ",
    "{",
    "[",
    '"',
    '{"a"}',
    '{"a":}',
    "{a:1}",
    "[1,]",
    "{,}",
    "[1 2]",
    "nul",
    "+1",
    ".5",
    "1.",
    "-",
  ];
  for (const text of [
    ...broken,
    "'a'",
    '"\n"',
    '"\\x"',
    "NaN",
    "Infinity",
    "[1]]",
    "1 2",
    "\ufeff1",
    "\u00a01",
    "// a\n1",
  ]) {
    assert.match(refused(text), /^x\.json is not JSON: [^\n]+$/, text);
    assert.throws(() => JSON.parse(text), undefined, text);
  }
  assert.is(
    refused('{"a": 1,\n "b": tru}'),
    'x.json is not JSON: a value must come next, but at character 15 there is "tru}"',
  );
});

test("a key that comes twice is refused, however it is written", () => {
  assert.is(refused('{"a": 1, "b": 2, "\\u0061": 3}'), 'x.json is not JSON: "a" appears twice in an object');
  assert.equal(parsed('[{"a": 1}, {"a": 2}]'), [{ a: 1 }, { a: 2 }]);
});

test("a number that is too large for a float is refused, not made infinite", () => {
  for (const text of ["1e999", "-1e999", "9".repeat(400)]) assert.match(refused(`[${text}]`), "is too large");
});

test("half of a surrogate pair is refused, as it is not text", () => {
  for (const text of ['"\\ud800"', '"\\udc00\\ud800"', '{"\\ud83d": 1}']) {
    assert.match(refused(text), "must be a string of JSON");
  }
});

test("nesting ends at a hundred levels, and never at the end of the stack", () => {
  const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  assert.equal(parsed(nested(100)), JSON.parse(nested(100)));
  for (const text of [nested(101), nested(1e5), '{"a":'.repeat(1e5), "[".repeat(1e5)]) {
    assert.match(refused(text), "must not be nested more than 100 levels deep");
  }
});

test("two megabytes are read in time proportional to their length", () => {
  const texts = [
    JSON.stringify(Object.fromEntries(Array.from({ length: 80_000 }, (_, i) => [`key ${i}`, i]))),
    JSON.stringify(new Array(6e5).fill(1)),
    JSON.stringify('\\"'.repeat(5e5)),
    `"${"\\".repeat(2e6)}`,
    " ".repeat(2e6),
  ];
  for (const text of texts) {
    const before = process.cpuUsage();
    try {
      parsed(text);
    } catch {}
    assert.ok(process.cpuUsage(before).user < 20e6); // a second or so of work; minutes when quadratic
  }
});

test("nested values in a configuration are refused without being printed, so no stack is exhausted", () => {
  let deep: unknown = 1;
  for (let i = 0; i < 100_000; i++) deep = [deep];
  assert.match(
    refusal(() => parseConfig({ dropout: deep }, "c.json")),
    "c.json: dropout must be a number from 0 to below 1, not [[…]]",
  );
  assert.match(
    refusal(() => parseConfig([deep, {}], "c.json")),
    "not [[…],{…}]",
  );
});
